"""Whole files: what they hold, whether they are intact, and new files of them."""

from __future__ import annotations

import os
from typing import Any, Literal

from . import _nfdecode, _sources
from ._convert import OnError

Compression = Literal["none", "lzo", "bz2", "lz4", "zstd"]


def info(source: _sources.Sources, *, key: str | bytes | None = None) -> list[dict[str, Any]]:
    """What files hold, one dictionary per file: header, statistics, exporters, elements, as ``nfdecode info --json``.

    Reads the whole files. ``damage`` lists what could not be read. Files that do not open are exceptions.
    """
    return _nfdecode.info(_sources.inputs(source, key=key))


def check(
    source: _sources.Sources, *, key: str | bytes | None = None, threads: int | None = None
) -> list[dict[str, Any]]:
    """Whether files are intact, one dictionary per file, as ``nfdecode check --json``.

    ``verdict`` is ``"intact"``, ``"damaged"``, ``"unknown"`` or ``"unreadable"``; ``damage`` and ``remarks`` say why.
    """
    return _nfdecode.check(_sources.inputs(source, key=key, check_first=False), threads)


def rewrite(
    source: _sources.Sources,
    path: str | os.PathLike[str],
    *,
    compression: Compression | None = None,
    level: int | None = None,
    key: str | bytes | None = None,
    errors: OnError = "raise",
) -> int:
    """Writes the flows of files to one new nfcapd file of layout 2. Returns the number of flows.

    The file appears when it is complete; one of that name is replaced. It has the ident and, without ``compression``,
    the compression of the first file.
    """
    return _nfdecode.rewrite(
        _sources.inputs(source, key=key, check_first=errors == "raise"),
        os.fspath(path),
        compression=compression,
        level=level,
        errors=errors,
    )


def repair(
    source: _sources.Source, path: str | os.PathLike[str], *, key: str | bytes | None = None
) -> int:
    """Writes what is readable of a damaged, truncated or unfinished file to a new one. Returns the number of flows."""
    return _nfdecode.rewrite(
        _sources.inputs(source, salvage=True, key=key, check_first=False), os.fspath(path), errors="skip"
    )
