"""Captures to flows."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

from . import _nfdecode
from ._errors import ConvertWarning, IncompleteError
from ._nfdecode import Filter
from ._sources import Length, Sources, captures, names, seconds

Flow = dict[str, Any]
OnError = Literal["raise", "warn", "skip"]


class Converted(dict[str, list[Flow]]):
    """A dictionary from file name to list of flows, with what a user should know of the conversion.

    Attributes:
        notes: worth knowing; nothing is missing that could have been converted.
        losses: packets or flows that are missing, one line each.
    """

    notes: list[str]
    losses: list[str]

    def __init__(self, *args: Any, notes: list[str] | None = None, losses: list[str] | None = None) -> None:
        super().__init__(*args)
        self.notes = notes or []
        self.losses = losses or []


class ConvertIterator(Iterator[tuple[str, list[Flow]]]):
    """An iterator over the files of a conversion: pairs of name and list of flows.

    A file is returned while nfpcapd works on the next one. ``close()``, or the end of a ``with`` block, ends
    nfpcapd and removes the temporary files; so does the garbage collector.
    """

    def __init__(self, inner: _nfdecode.ConvertIterator, errors: OnError) -> None:
        self._inner = inner
        self._errors = errors
        self._ended = False

    def __iter__(self) -> ConvertIterator:
        return self

    def __next__(self) -> tuple[str, list[Flow]]:
        try:
            return next(self._inner)
        except StopIteration:
            if not self._ended:
                self._ended = True
                _report(self.losses, self._errors, None)
            raise

    def __enter__(self) -> ConvertIterator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the conversion. Does nothing if it has ended."""
        self._inner.close()

    @property
    def notes(self) -> list[str]:
        """Worth knowing, once the iterator has ended."""
        return self._inner.messages[0]

    @property
    def losses(self) -> list[str]:
        """What is missing, once the iterator has ended."""
        return self._inner.messages[1]


def _report(losses: list[str], errors: OnError, result: object) -> None:
    if losses and errors == "raise":
        text = "; ".join(losses)
        raise IncompleteError(f'{text} (errors="warn" gives the flows before that)', result, losses)
    if errors == "warn":
        for loss in losses:
            warnings.warn(loss, ConvertWarning, stacklevel=3)


def _settings(
    slot: Length,
    nfpcapd: str | os.PathLike[str] | None,
    timeout: Length | None,
    payload: bool,
    active_timeout: Length | None,
    inactive_timeout: Length | None,
    bpf: str | None,
) -> dict[str, Any]:
    def optional(length: Length | None) -> float | None:
        return None if length is None else seconds(length)

    return {
        "slot": seconds(slot),
        "timeout": optional(timeout),
        "nfpcapd": None if nfpcapd is None else os.fspath(nfpcapd),
        "payload": payload,
        "active_timeout": optional(active_timeout),
        "inactive_timeout": optional(inactive_timeout),
        "bpf": bpf,
    }


def _check(errors: str) -> None:
    if errors not in ("raise", "warn", "skip"):
        raise ValueError(f'errors must be "raise", "warn" or "skip", not {errors!r}')


def convert_iter(
    capture: Sources,
    *,
    slot: Length = 300,
    filter: str | Filter | None = None,
    progress: Callable[[str, int, int], object] | None = None,
    nfpcapd: str | os.PathLike[str] | None = None,
    timeout: Length | None = None,
    payload: bool = False,
    active_timeout: Length | None = None,
    inactive_timeout: Length | None = None,
    bpf: str | None = None,
    tz: str | None = None,
    errors: OnError = "raise",
    threads: int | None = None,
) -> ConvertIterator:
    """Converts a capture to flows, one file of nfpcapd at a time: for captures whose flows do not fit in memory.

    The parameters are those of :func:`convert`. Losses are known at the end: with ``errors="raise"`` the last step
    of the iterator raises :class:`IncompleteError`.
    """
    _check(errors)
    settings = _settings(slot, nfpcapd, timeout, payload, active_timeout, inactive_timeout, bpf)
    inner = _nfdecode.ConvertIterator(
        captures(capture), settings, filter=filter, tz=tz, progress=progress, threads=threads
    )
    return ConvertIterator(inner, errors)


def convert(
    capture: Sources,
    *,
    slot: Length = 300,
    filter: str | Filter | None = None,
    progress: Callable[[str, int, int], object] | None = None,
    nfpcapd: str | os.PathLike[str] | None = None,
    timeout: Length | None = None,
    payload: bool = False,
    active_timeout: Length | None = None,
    inactive_timeout: Length | None = None,
    bpf: str | None = None,
    tz: str | None = None,
    errors: OnError = "raise",
    threads: int | None = None,
) -> Converted:
    """Converts a capture to flows: a dictionary from file name to list of flows.

    Keys and values of flows are those of nfdump's JSON, as the program ``nfdecode convert`` prints them. The program
    nfpcapd (Debian package ``nfdump``) does the conversion, in a private directory that is removed.

    Args:
        capture: pcap or pcapng, plain or compressed with gzip or zstd: a path, bytes, a binary file object, or a
            list of these, which are converted one after the other.
        slot: length of the time slot of one file, in seconds, as ``timedelta`` or text such as ``"5m"``.
        filter: only flows that this filter in nfdump's language selects.
        progress: called about ten times a second with stage (``"inspecting"``, ``"rewriting"``, ``"converting"``),
            bytes done, and bytes in all (0 if not known). What it raises ends the conversion.
        nfpcapd: path of nfpcapd; default: the environment variable ``NFPCAPD``, then ``PATH``.
        timeout: maximum run time of nfpcapd. It is always stopped after a minute without progress.
        payload: store the first payload of each flow, for filters and fields of TLS and DNS.
        active_timeout: time after which an active flow is stored, 1 s to 1 h; default 5 minutes.
        inactive_timeout: time without packets after which a flow is stored, 1 s to 1 h; default 60 s.
        bpf: only packets that this filter in tcpdump's language selects.
        tz: name of the time zone of times; default: that of the environment, as nfdump does.
        errors: ``"raise"``: a truncated or damaged capture is an :class:`IncompleteError`, which has the flows before
            that place as ``result``. ``"warn"``: it is a warning. ``"skip"``: it is only in ``losses``.
        threads: threads for decoding; default: the processors.

    Raises:
        NfpcapdNotFoundError: nfpcapd is not installed.
        CaptureError: this is no capture.
        IncompleteError: the capture is truncated or damaged.
        DiskFullError: there is no room for temporary files.
        ConvertTimeoutError: nfpcapd ran too long.
        ConvertError: nfpcapd failed.
        FilterError: ``filter`` is not a filter.
        OSError: the capture cannot be opened.
    """
    _check(errors)
    running = convert_iter(
        capture,
        slot=slot,
        filter=filter,
        progress=progress,
        nfpcapd=nfpcapd,
        timeout=timeout,
        payload=payload,
        active_timeout=active_timeout,
        inactive_timeout=inactive_timeout,
        bpf=bpf,
        tz=tz,
        errors="skip",
        threads=threads,
    )
    with running:
        result = Converted(running)
    result.notes, result.losses = running.notes, running.losses
    _report(result.losses, errors, result)
    return result


def convert_arrow(
    capture: Sources,
    *,
    fields: str | list[str] | None = None,
    slot: Length = 300,
    filter: str | Filter | None = None,
    nfpcapd: str | os.PathLike[str] | None = None,
    timeout: Length | None = None,
    payload: bool = False,
    active_timeout: Length | None = None,
    inactive_timeout: Length | None = None,
    bpf: str | None = None,
    addresses: Literal["bytes", "text"] = "bytes",
    errors: OnError = "raise",
    threads: int | None = None,
) -> _nfdecode.Stream:
    """Converts a capture to a stream of typed columns, which Polars, pyarrow, DuckDB and pandas read.

    The stream can be read once, while nfpcapd works. It has the column ``file`` and the standard columns, or those of
    ``fields`` (:func:`columns` lists all). The other parameters are those of :func:`convert`. What ends the
    conversion is an error of the consumer; ``raise_failure()`` raises it with its own type.
    """
    settings = _settings(slot, nfpcapd, timeout, payload, active_timeout, inactive_timeout, bpf)
    return _nfdecode.convert_stream(
        captures(capture),
        settings,
        fields=["file", "standard"] if fields is None else names(fields),
        filter=filter,
        as_text=_as_text(addresses),
        errors=errors,
        threads=threads,
    )


def _as_text(addresses: str) -> bool:
    if addresses not in ("bytes", "text"):
        raise ValueError(f'addresses must be "bytes" or "text", not {addresses!r}')
    return addresses == "text"
