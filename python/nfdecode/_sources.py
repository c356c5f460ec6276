"""From what users give to places: paths, patterns, directories, bytes, file objects, and lists of these."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Sequence
from typing import IO, Any, Union

from . import _nfdecode

Place = Union[tuple[str, bool], tuple[bytes, str]]
Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, IO[bytes]]
Sources = Union[Source, Iterable[Source]]
Moment = Union[str, int, float, dt.datetime]
Length = Union[str, int, float, dt.timedelta]

_MAGIC = re.compile(r"[*?\[]")
_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)?\s*")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def name_of(source: Any) -> str:
    """The name of a file object: its own, if it has one."""
    name = getattr(source, "name", None)
    return os.path.basename(name) if isinstance(name, str) else "bytes"


def is_one(source: Any) -> bool:
    """Whether this is a single source, rather than several."""
    return isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)) or hasattr(source, "read")


def places(sources: Sources) -> list[Place]:
    """The places of all sources in order. A pattern is expanded if no file has that very name."""
    if isinstance(sources, (bytes, bytearray, memoryview)):
        return [(bytes(sources), "bytes")]
    if isinstance(sources, (str, os.PathLike)):
        path = os.fspath(sources)
        if not isinstance(path, str):
            path = os.fsdecode(path)
        if _MAGIC.search(path) and not os.path.exists(path):
            import glob

            found = sorted(glob.glob(path, recursive=True))
            if not found:
                raise FileNotFoundError(f"{path}: no file matches")
            return [(match, True) for match in found]
        return [(path, False)]
    read = getattr(sources, "read", None)
    if read is not None:
        content = read()
        if not isinstance(content, bytes):
            raise TypeError("the file object must be opened in binary mode")
        return [(content, name_of(sources))]
    if isinstance(sources, Iterable):
        return [place for source in sources for place in places(source)]
    raise TypeError(f"source must be a path, bytes, a binary file object or a list of them, not {type(sources).__name__}")


def inputs(
    sources: Sources, *, salvage: bool = False, key: str | bytes | None = None, check_first: bool = True
) -> _nfdecode.Inputs:
    """The inputs of a scan. Missing files, and a first file that does not open, are errors here."""
    passphrase = key.encode() if isinstance(key, str) else key
    return _nfdecode.Inputs(places(sources), salvage=salvage, key=passphrase, check_first=check_first)


def captures(sources: Sources) -> list[Any]:
    """The captures of all sources. File objects are read as they are converted."""
    if is_one(sources):
        sources = [sources]  # type: ignore[list-item]
    found: list[Any] = []
    for source in sources:  # type: ignore[union-attr]
        if isinstance(source, (bytes, bytearray, memoryview)):
            found.append((bytes(source), "the capture"))
        elif isinstance(source, (str, os.PathLike)):
            found.append(os.fspath(source))
        elif hasattr(source, "read"):
            name = getattr(source, "name", None)
            found.append((source, name if isinstance(name, str) else "the capture"))
        else:
            raise TypeError(f"a capture must be a path, bytes or a binary file object, not {type(source).__name__}")
    return found


def seconds(length: Length) -> float:
    """A length of time in seconds: a number of seconds, ``timedelta``, or text such as ``"5m"``."""
    if isinstance(length, dt.timedelta):
        return length.total_seconds()
    if isinstance(length, str):
        match = _LENGTH.fullmatch(length)
        if match is None:
            raise ValueError(f'{length!r} is no length of time: write "30s", "5m", "1h" or "7d"')
        return float(match[1]) * _UNITS[match[2] or "s"]
    return float(length)


def millis(moment: Moment | None, tz: str | None = None) -> int | None:
    """A moment as ms since the epoch: ``datetime``, seconds, ISO 8601, ``"now"``, ``"-1h"`` or nfdump's form."""
    if moment is None:
        return None
    if isinstance(moment, (int, float)):
        return _positive(moment * 1000)
    if isinstance(moment, dt.datetime):
        return _positive(moment.timestamp() * 1000)
    if not isinstance(moment, str):
        raise TypeError(f"a time must be a datetime, a number of seconds or a str, not {type(moment).__name__}")
    now = dt.datetime.now(dt.timezone.utc).timestamp()
    if moment == "now":
        return _positive(now * 1000)
    if moment.startswith("-"):
        return _positive((now - seconds(moment[1:])) * 1000)
    try:
        parsed = dt.datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        parsed = None
    if parsed is not None and parsed.tzinfo is not None:
        return _positive(parsed.timestamp() * 1000)
    return _nfdecode.parse_moment(moment, tz)


def _positive(ms: float) -> int:
    if ms < 0:
        raise ValueError("times before 1970 are not supported")
    return round(ms)


def window(
    since: Moment | None, until: Moment | None, last: Length | None
) -> tuple[int | None, int | None]:
    """The window of time, in ms since the epoch."""
    if last is not None:
        if since is not None:
            raise ValueError("give since or last, not both")
        since = dt.datetime.now(dt.timezone.utc) - dt.timedelta(seconds=seconds(last))
    found = (millis(since), millis(until))
    if found[0] is not None and found[1] is not None and found[0] > found[1]:
        raise ValueError("the window of time ends before it begins")
    return found


def names(fields: str | Sequence[str] | None) -> list[str] | None:
    """Names of columns: a list, or a text with commas."""
    if fields is None:
        return None
    if isinstance(fields, str):
        fields = fields.split(",")
    return [name.strip() for name in fields]
