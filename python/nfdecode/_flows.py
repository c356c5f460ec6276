"""``Flows``: a description of what to read, and the ways out of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, final

from . import _nfdecode, _sources
from ._convert import OnError, _as_text
from ._nfdecode import Filter

if TYPE_CHECKING:
    import ipaddress

    import pandas as pd
    import polars as pl
    import pyarrow as pa

Addresses = Literal["bytes", "text"]
_T = TypeVar("_T")


@final
class Flows:
    """Flows of nfcapd files: a description of what to read, made by :func:`read`.

    It is immutable and can be used any number of times, from any thread: each use reads the files anew. ``select``,
    ``filter`` and ``limit`` return another description.

    Other libraries read it directly, without a copy: ``polars.DataFrame(flows)``, ``pyarrow.table(flows)``,
    ``duckdb.sql("FROM flows")``, ``pandas.DataFrame.from_arrow(flows)``. In these an error of a file is an error of
    that library; ``to_polars`` and the like raise ours.
    """

    __slots__ = ("_description", "_inputs", "_options")
    _inputs: _nfdecode.Inputs
    _options: dict[str, Any]
    _description: _nfdecode.Description

    def __init__(self, inputs: _nfdecode.Inputs, options: dict[str, Any]) -> None:
        object.__setattr__(self, "_inputs", inputs)
        object.__setattr__(self, "_options", options)
        object.__setattr__(self, "_description", _nfdecode.Description(inputs, **options))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Flows are immutable: select, filter and limit return others")

    def _with(self, **changes: Any) -> Flows:
        return Flows(self._inputs, {**self._options, **changes})

    def __repr__(self) -> str:
        count = len(self._inputs)
        files = "1 file" if count == 1 else f"{count} files"
        filter = self._options.get("filter")
        shown = "" if filter is None else f", filter {str(filter)!r}"
        limit = self._options.get("limit")
        shown += "" if limit is None else f", at most {limit} flows"
        return f"<nfdecode.Flows: {files}, {len(self.columns)} columns{shown}>"

    # What it describes

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._description.columns

    @property
    def files(self) -> list[str]:
        """The names of the files, as in the column ``file``."""
        return self._inputs.names

    @property
    def schema(self) -> pa.Schema:
        """The schema, as pyarrow has it. Needs pyarrow; others use ``__arrow_c_schema__``."""
        import pyarrow as pa

        return pa.schema(self)

    @property
    def damage(self) -> list[Exception]:
        """What the last read has found wrong: exceptions with file, block and offset.

        Complete when the read has ended; of several reads at once, that of the last one that began.
        """
        return self._description.damage

    # Other descriptions

    def select(self, fields: str | Sequence[str]) -> Flows:
        """The same flows with these columns: names, or a text with commas. Others are not decoded."""
        return self._with(fields=_sources.names(fields))

    def filter(self, filter: str | Filter) -> Flows:
        """Those of the flows that this filter selects too. A limit counts what all filters select."""
        added = filter if isinstance(filter, Filter) else Filter(filter)
        known = self._options.get("filter")
        return self._with(filter=added if known is None else known & added)

    def limit(self, flows: int) -> Flows:
        """At most the first ``flows`` flows."""
        if flows < 0:
            raise ValueError("the limit must not be negative")
        known = self._options.get("limit")
        return self._with(limit=flows if known is None else min(flows, known))

    # Ways out

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow PyCapsule interface: a new read."""
        return self._description.stream(False).__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """Arrow PyCapsule interface: the schema, without reading."""
        return self._description.__arrow_c_schema__()

    def batches(self) -> Iterator[_nfdecode.Batch]:
        """Record batches, one per block of a file or for several small ones.

        Each can be given to any library that reads Arrow.
        """
        return self._description.stream(True)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Flows as dictionaries of the columns, with ``ipaddress`` addresses and aware ``datetime`` times (UTC).

        Slow next to columns. Times after the year 9999 are ``None``.
        """
        return self._description.rows()

    def count(self) -> int:
        """The number of flows."""
        return self._description.count()

    def to_polars(self) -> pl.DataFrame:
        """A Polars data frame. Needs Polars."""
        import polars as pl

        stream = self._description.stream(True)
        return _consumed(stream, lambda: pl.DataFrame(stream))

    def to_arrow(self) -> pa.Table:
        """A pyarrow table; addresses are extension arrays whose values are ``ipaddress`` objects. Needs pyarrow."""
        import pyarrow as pa

        from . import _pyarrow

        _pyarrow.register()
        stream = self._description.stream(True)
        return _consumed(stream, lambda: pa.table(stream))

    def to_pandas(self) -> pd.DataFrame:
        """A pandas data frame with Arrow types, so that ports stay integers where some are missing.

        Needs pandas and pyarrow.
        """
        import pandas as pd

        return self.to_arrow().to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *,
        partition_by: Literal["day", "hour", "5m"] | None = None,
        bloom: bool = False,
    ) -> int:
        """Writes one Parquet file, or with ``partition_by`` a directory of them. Returns the number of flows.

        The file appears when it is complete. Partitions are by the start of flows in UTC:
        ``day=2026-01-01/hour=12/part-0.parquet``; flows without a start are in ``__HIVE_DEFAULT_PARTITION__``. The
        directory must be empty or missing. ``bloom`` adds Bloom filters to columns of addresses. Addresses are bytes.
        """
        return _nfdecode.to_parquet(self._description, os.fspath(path), partition_by=partition_by, bloom=bloom)

    def to_json(self, path: str | os.PathLike[str], *, lines: bool = True, tz: str | None = None) -> int:
        """Writes flows with nfdump's keys and values: one per line, or as one array. Returns the number of flows.

        The file appears when it is complete. ``fields`` has no effect.
        """
        return _nfdecode.to_json(self._description, os.fspath(path), lines=lines, tz=tz)

    def to_dicts(self, *, tz: str | None = None) -> list[dict[str, Any]]:
        """Flows as dictionaries with nfdump's keys and values, as ``nfdecode read`` prints them. ``fields`` has no effect."""
        return _nfdecode.to_dicts(self._description, tz=tz)


def _consumed(stream: _nfdecode.Stream, consume: Callable[[], _T]) -> _T:
    """What the consumer makes of the stream; if that fails, the error of the stream."""
    try:
        return consume()
    except BaseException as error:
        try:
            stream.raise_failure()
        except BaseException as ours:
            raise ours from None
        raise error


def read(
    source: _sources.Sources,
    *,
    fields: str | Sequence[str] | None = None,
    filter: str | Filter | None = None,
    since: _sources.Moment | None = None,
    until: _sources.Moment | None = None,
    last: _sources.Length | None = None,
    limit: int | None = None,
    addresses: Addresses = "bytes",
    errors: OnError = "raise",
    salvage: bool = False,
    key: str | bytes | None = None,
    threads: int | None = None,
) -> Flows:
    """Describes flows of nfcapd files. Nothing is decoded before the result is used.

    Args:
        source: a path, a directory (all nfcapd files below it, in name order), a pattern such as
            ``"/flows/2026/*/nfcapd.*"``, bytes, a binary file object, or a list of these.
        fields: names of columns, as a list or a text with commas; default: the standard columns. Columns that are not
            chosen are not decoded. :func:`columns` lists all.
        filter: only flows that this filter in nfdump's language selects.
        since: only flows that end at this time or later: a ``datetime`` (naive: local time), seconds since 1970,
            ISO 8601 text, ``"now"``, ``"-1h"``.
        until: only flows that start before this time.
        last: only flows that end within this time before now: seconds, ``timedelta``, ``"1h"``.
        limit: at most this many flows.
        addresses: ``"bytes"`` in network order, or ``"text"``.
        errors: at damage, ``"raise"`` ends the read with an exception after the intact flows before it; ``"warn"``
            gives a :class:`DamageWarning` and reads on; ``"skip"`` reads on. ``Flows.damage`` lists what was found.
        salvage: recover what is readable in unfinished and truncated files.
        key: passphrase of encrypted files.
        threads: threads for decoding; default: the processors.

    Raises:
        OSError: a file does not exist or cannot be read.
        DamageError: the first file is no nfcapd file or damaged at its start, unless ``errors`` says otherwise.
        UnsupportedError: the first file is of a kind that is not read, or its key is missing or wrong.
        FilterError: ``filter`` is not a filter.
        ValueError: an unknown column, or another wrong argument.
    """
    begin, end = _sources.window(since, until, last)
    if limit is not None and limit < 0:
        raise ValueError("the limit must not be negative")
    options = {
        "fields": _sources.names(fields),
        "filter": Filter(filter) if isinstance(filter, str) else filter,
        "since": begin,
        "until": end,
        "limit": limit,
        "as_text": _as_text(addresses),
        "errors": errors,
        "threads": threads,
    }
    opened = _sources.inputs(source, salvage=salvage, key=key, check_first=errors == "raise")
    return Flows(opened, options)


def ip(address: str | int | bytes | ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """The 16 bytes of an address, as the columns ``src_addr`` and the like hold it."""
    import ipaddress

    found = ipaddress.ip_address(address)
    return found.packed if found.version == 6 else b"\0" * 10 + b"\xff\xff" + found.packed


def ip_range(network: str | ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[bytes, bytes]:
    """The first and the last address of a network as 16 bytes: for ``is_between`` and ``BETWEEN``."""
    import ipaddress

    found = ipaddress.ip_network(network)
    return ip(found[0]), ip(found[-1])
