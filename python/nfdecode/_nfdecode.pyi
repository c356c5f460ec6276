from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, final

__all__ = [
    "Batch",
    "ConvertIterator",
    "Description",
    "Filter",
    "Inputs",
    "PUSHED_COLUMNS",
    "RowIterator",
    "Stream",
    "__version__",
    "check",
    "column_list",
    "convert_stream",
    "implied",
    "info",
    "parse_moment",
    "rewrite",
    "series",
    "to_dicts",
    "to_json",
    "to_parquet",
    "top",
    "version_text",
]

__version__: str
PUSHED_COLUMNS: list[str]
version_text: str

def check(inputs: Inputs, threads: int | None = None) -> list[dict[str, Any]]: ...
def column_list() -> list[dict[str, object]]: ...
def convert_stream(
    captures: list[Any],
    settings: dict[str, Any],
    *,
    fields: list[str] | None = None,
    filter: str | Filter | None = None,
    as_text: bool = False,
    errors: str = "raise",
    threads: int | None = None,
) -> Stream: ...
def implied(condition: Any) -> Filter | None: ...
def info(inputs: Inputs) -> list[dict[str, Any]]: ...
def parse_moment(text: str, tz: str | None = None) -> int: ...
def rewrite(
    inputs: Inputs,
    path: str | PathLike[str],
    *,
    compression: str | None = None,
    level: int | None = None,
    errors: str = "raise",
) -> int: ...
def series(
    reading: dict[str, Any],
    every_ms: int,
    *,
    split: str | None,
    spread: str,
    epoch: Callable[[int | None], object],
) -> list[dict[str, Any]]: ...
def to_dicts(description: Description, *, tz: str | None = None) -> list[dict[str, Any]]: ...
def to_json(description: Description, path: str | PathLike[str], *, lines: bool = True, tz: str | None = None) -> int: ...
def to_parquet(
    description: Description, path: str | PathLike[str], *, partition_by: str | None = None, bloom: bool = False
) -> int: ...
def top(
    reading: dict[str, Any],
    fields: list[str],
    *,
    by: str,
    n: int | None,
    ascending: bool,
    distinct: list[str],
    quantiles: list[str],
    having: str,
    every_ms: int | None,
    memory: int | None,
    epoch: Callable[[int | None], object],
) -> list[dict[str, Any]]: ...

@final
class Batch:
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...
    def __len__(self) -> int: ...
    @property
    def columns(self) -> list[str]: ...

@final
class ConvertIterator:
    def __new__(
        cls,
        captures: list[Any],
        settings: dict[str, Any],
        *,
        filter: str | Filter | None = None,
        tz: str | None = None,
        progress: Callable[[str, int, int], object] | None = None,
        threads: int | None = None,
    ) -> ConvertIterator: ...
    def __iter__(self) -> ConvertIterator: ...
    def __next__(self) -> tuple[str, list[dict[str, Any]]]: ...
    def close(self) -> None: ...
    @property
    def messages(self) -> tuple[list[str], list[str]]: ...

@final
class Description:
    def __new__(
        cls,
        inputs: Inputs,
        *,
        fields: list[str] | None = None,
        filter: str | Filter | None = None,
        since: int | None = None,
        until: int | None = None,
        limit: int | None = None,
        as_text: bool = False,
        errors: str = "raise",
        threads: int | None = None,
    ) -> Description: ...
    def __arrow_c_schema__(self) -> object: ...
    @property
    def columns(self) -> list[str]: ...
    def count(self) -> int: ...
    @property
    def damage(self) -> list[Exception]: ...
    def rows(self) -> RowIterator: ...
    def stream(self, own: bool) -> Stream: ...

@final
class Filter:
    """A compiled filter in nfdump's language: ``Filter("proto tcp and dst port 443")``.

    Filters are combined with ``&``, ``|`` and ``~``; equal ones compare equal. ``str()`` gives the text, with times
    in UTC. ``tz`` is the zone of times in the text; default: that of the environment. A text that is no filter is a
    :class:`FilterError`.
    """

    def __new__(cls, text: str, *, tz: str | None = None) -> Filter: ...
    def __and__(self, other: Filter, /) -> Filter: ...
    def __rand__(self, other: Filter, /) -> Filter: ...
    def __or__(self, other: Filter, /) -> Filter: ...
    def __ror__(self, other: Filter, /) -> Filter: ...
    def __invert__(self) -> Filter: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def explain(self) -> str:
        """The filter as a tree: one term or operator per line, indented."""

@final
class Inputs:
    def __new__(
        cls,
        places: list[tuple[str, bool] | tuple[bytes, str]],
        *,
        salvage: bool = False,
        key: bytes | None = None,
        check_first: bool = True,
    ) -> Inputs: ...
    def __len__(self) -> int: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def paths(self) -> list[str | None]: ...

@final
class RowIterator:
    def __iter__(self) -> RowIterator: ...
    def __next__(self) -> dict[str, Any]: ...

@final
class Stream:
    """Record batches for other libraries. Can be consumed once."""

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...
    def __iter__(self) -> Iterator[Batch]: ...
    def __next__(self) -> Batch: ...
    def raise_failure(self) -> None:
        """Raises what has ended the stream early, with its own type. Does nothing if all is well."""
