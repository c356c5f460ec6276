"""Answers: groups of flows, and traffic over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

from . import _nfdecode, _sources
from ._convert import OnError
from ._nfdecode import Filter

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def _time(ms: int | None) -> dt.datetime | None:
    if ms is None:
        return None
    try:
        return _EPOCH + dt.timedelta(milliseconds=ms)
    except OverflowError:
        return None


def _reading(
    source: _sources.Sources,
    filter: str | Filter | None,
    since: _sources.Moment | None,
    until: _sources.Moment | None,
    last: _sources.Length | None,
    limit: int | None,
    errors: OnError,
    salvage: bool,
    key: str | bytes | None,
    threads: int | None,
) -> dict[str, Any]:
    begin, end = _sources.window(since, until, last)
    return {
        "inputs": _sources.inputs(source, salvage=salvage, key=key, check_first=errors == "raise"),
        "filter": filter,
        "since": begin,
        "until": end,
        "limit": limit,
        "errors": errors,
        "threads": threads,
    }


def _milliseconds(every: _sources.Length) -> int:
    found = round(_sources.seconds(every) * 1000)
    if found <= 0:
        raise ValueError("every must be longer than 0")
    return found


def top(
    source: _sources.Sources,
    fields: str | Sequence[str],
    *,
    by: str = "bytes",
    n: int | None = 10,
    ascending: bool = False,
    distinct: str | Sequence[str] = (),
    quantiles: str | Sequence[str] = (),
    having: str | None = None,
    every: _sources.Length | None = None,
    memory: int | None = None,
    filter: str | Filter | None = None,
    since: _sources.Moment | None = None,
    until: _sources.Moment | None = None,
    last: _sources.Length | None = None,
    limit: int | None = None,
    errors: OnError = "raise",
    salvage: bool = False,
    key: str | bytes | None = None,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """The groups of flows with the most of something, as dictionaries: made for ``polars.DataFrame`` and ``pandas``.

    A group has its keys (addresses as text), then ``flows packets bytes in_packets in_bytes out_packets out_bytes
    first last duration bps pps bpp``, a ``distinct_FIELD`` for each of ``distinct``, a ``p95_FIELD`` for each of
    ``quantiles``, and ``percent``. Times are aware ``datetime``, ``duration`` is in ms, ``bps`` in bits per second.

    Args:
        source: as for :func:`read`, as the parameters from ``filter`` on.
        fields: what to group by: names, addresses with a prefix length (``"src_addr/24"``), names of nfdump's
            statistics (``"ip"``, ``"port"``, ``"as"``), or ``"tls_sni"``, ``"ja3"``, ``"ja4"``, ``"dns_name"``.
        by: order by flows, packets, bytes, bps, pps, bpp, duration, first, last, key, ``distinct:FIELD`` or a
            quantile.
        n: groups at most, with ``every`` in each interval; ``None``: all.
        ascending: smallest first.
        distinct: also count the different values of these fields in each group.
        quantiles: also find quantiles in each group: ``"p95:duration"``, ``"p99.9:bytes"``, ``"median:packets"``;
            at most 1 % too large.
        having: only groups for which this is true: ``"bytes > 1g and flows >= 10 or distinct:dst_port > 100"``.
        every: also group by intervals of this length, as ``time``.
        memory: bytes of groups in memory; the rest is in temporary files. Default: 1 GiB.
    """
    if n is not None and n < 1:
        raise ValueError("n must be at least 1; None means all groups")
    return _nfdecode.top(
        _reading(source, filter, since, until, last, limit, errors, salvage, key, threads),
        _sources.names(fields) or [],
        by=by,
        n=n,
        ascending=ascending,
        distinct=_sources.names(distinct) or [],
        quantiles=_sources.names(quantiles) or [],
        having=having or "",
        every_ms=None if every is None else _milliseconds(every),
        memory=memory,
        epoch=_time,
    )


def series(
    source: _sources.Sources,
    every: _sources.Length = "5m",
    *,
    split: str | None = None,
    spread: Literal["even", "start", "end"] = "even",
    filter: str | Filter | None = None,
    since: _sources.Moment | None = None,
    until: _sources.Moment | None = None,
    last: _sources.Length | None = None,
    limit: int | None = None,
    errors: OnError = "raise",
    salvage: bool = False,
    key: str | bytes | None = None,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """Traffic over time, as dictionaries of ``time`` (aware ``datetime``), ``flows packets bytes bps pps``.

    Intervals without traffic are zeros. Flows are counted where they start.

    Args:
        source: as for :func:`read`, as the parameters from ``filter`` on.
        every: length of an interval: seconds, ``timedelta``, ``"5m"``.
        split: a series for each value of this field, which is a member of the dictionaries.
        spread: where bytes and packets of a flow are counted: ``"even"``, in proportion to the time in each interval,
            ``"start"`` or ``"end"``.
    """
    return _nfdecode.series(
        _reading(source, filter, since, until, last, limit, errors, salvage, key, threads),
        _milliseconds(every),
        split=split,
        spread=spread,
        epoch=_time,
    )
