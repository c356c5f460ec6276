"""Flows of nfcapd files and packet captures, as nfdump has them, without a subprocess per file.

>>> import nfdecode
>>> flows = nfdecode.convert("capture.pcap")        # file name -> list of flows, as nfdump's JSON
>>> frame = nfdecode.read("/flows/2026/01").to_polars()

:func:`read` describes flows of files, :func:`convert` makes flows of captures, :func:`top` and :func:`series` answer
questions, :class:`Filter` is nfdump's filter language. There are no dependencies; Polars, pandas, pyarrow and DuckDB
are used if they are installed.
"""

from __future__ import annotations

from ._answers import series, top
from ._convert import Converted, ConvertIterator, convert, convert_arrow, convert_iter
from ._errors import (
    CaptureError,
    ConvertError,
    ConvertTimeoutError,
    ConvertWarning,
    DamageError,
    DamageWarning,
    DiskFullError,
    FilterError,
    IncompleteError,
    NfdecodeError,
    NfpcapdNotFoundError,
    UnsupportedError,
)
from ._files import check, info, repair, rewrite
from ._flows import Flows, ip, ip_range, read
from ._lazy import scan_polars
from ._nfdecode import Batch, Filter, __version__

__all__ = [
    "Batch",
    "CaptureError",
    "ConvertError",
    "ConvertIterator",
    "ConvertTimeoutError",
    "ConvertWarning",
    "Converted",
    "DamageError",
    "DamageWarning",
    "DiskFullError",
    "Filter",
    "FilterError",
    "Flows",
    "IncompleteError",
    "NfdecodeError",
    "NfpcapdNotFoundError",
    "UnsupportedError",
    "__version__",
    "check",
    "columns",
    "convert",
    "convert_arrow",
    "convert_iter",
    "info",
    "ip",
    "ip_range",
    "read",
    "repair",
    "rewrite",
    "scan_polars",
    "series",
    "top",
]


def columns() -> list[dict[str, object]]:
    """All columns: dictionaries of ``name``, ``type``, ``key`` (nfdump's, may be empty), ``doc`` and ``standard``."""
    from ._nfdecode import column_list

    return column_list()
