"""``scan_polars``: flows for lazy queries. Polars itself is imported on use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _sources
from ._convert import OnError
from ._flows import Addresses, read
from ._nfdecode import Filter

if TYPE_CHECKING:
    import polars as pl


def scan_polars(
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
) -> pl.LazyFrame:
    """A Polars ``LazyFrame`` of flows. Only the columns and rows that a query needs are decoded.

    Columns, row limits, and comparisons of ports, counters, AS numbers and times with constants are pushed down;
    every other condition is applied by Polars. The parameters are those of :func:`read`. Needs Polars.
    """
    from . import _polars

    flows = read(
        source,
        fields=fields,
        filter=filter,
        since=since,
        until=until,
        last=last,
        limit=limit,
        addresses=addresses,
        errors=errors,
        salvage=salvage,
        key=key,
        threads=threads,
    )
    return _polars.scan(flows)
