"""A lazy frame of Polars: only the columns, rows and flows that a query needs are decoded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from . import _nfdecode
from ._flows import Flows

_SIGNS = {"Eq": "==", "Gt": ">", "GtEq": ">=", "Lt": "<", "LtEq": "<="}
_TURNED = {"==": "==", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
_UNITS = {"Milliseconds": 1, "Microseconds": 1_000, "Nanoseconds": 1_000_000}
_MOST = 2**64 - 1


def scan(flows: Flows) -> pl.LazyFrame:
    """The flows as a lazy frame."""
    empty = flows.limit(0).to_polars()

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = flows if columns is None else flows.select(columns)
        if rows is not None:
            # Polars selects from the first rows, so the limit comes first.
            wanted = wanted.limit(rows)
        elif predicate is not None:
            condition = implied(predicate)
            if condition is not None:
                wanted = wanted.filter(condition)
        for batch in wanted.batches():
            frame = pl.DataFrame(batch)
            # What is pushed down only saves work: the frame is filtered in any case.
            yield frame if predicate is None else frame.filter(predicate)

    return register_io_source(source, schema=empty.schema, explain_name="nfdecode", explain_detail=repr(flows))


def implied(predicate: pl.Expr) -> _nfdecode.Filter | None:
    """A filter that selects all flows that the predicate does, and perhaps more; ``None`` if none is known.

    Understands comparisons of columns with whole numbers and times, joined by "and" and "or". Polars calls its
    serialized form unstable, so anything unexpected means that nothing is pushed down.
    """
    try:
        tree = json.loads(predicate.meta.serialize(format="json"))
        condition = _condition(tree)
        return None if condition is None else _nfdecode.implied(condition)
    except Exception:
        return None


def _condition(tree: Any) -> Any:
    if "Function" in tree:
        return _between(tree["Function"])
    parts = tree.get("BinaryExpr")
    if parts is None:
        return None
    operator = parts["op"]
    if operator in ("And", "LogicalAnd"):
        # Each side of "and" is implied by both.
        sides = [side for side in (_condition(parts["left"]), _condition(parts["right"])) if side is not None]
        return ("and", sides) if sides else None
    if operator in ("Or", "LogicalOr"):
        left, right = _condition(parts["left"]), _condition(parts["right"])
        return None if left is None or right is None else ("or", [left, right])
    sign = _SIGNS.get(operator)
    if sign is None:
        return None
    left, right = parts["left"], parts["right"]
    if "Column" in right:
        left, right, sign = right, left, _TURNED[sign]
    return _comparison(left, sign, right)


def _between(function: Any) -> Any:
    if "IsBetween" not in function["function"].get("Boolean", {}):
        return None
    column, low, high = function["input"]
    sides = [_comparison(column, ">=", low), _comparison(column, "<=", high)]
    sides = [side for side in sides if side is not None]
    return ("and", sides) if sides else None


def _comparison(column: Any, sign: str, literal: Any) -> Any:
    if "Column" not in column or "Literal" not in literal:
        return None
    name = column["Column"]
    if name not in _nfdecode.PUSHED_COLUMNS:
        return None
    (_, value), = literal["Literal"].items()
    (kind, number), = value.items()
    is_time = name in ("first", "last")
    if is_time != (kind == "Datetime"):
        return None
    if is_time:
        count, unit, zone = number
        if zone != {"inner": "UTC"} or not isinstance(count, int):
            return None
        # Rounded so that the filter selects more rather than less.
        unit = _UNITS[unit]
        number = -(-count // unit) if sign in ("<", "<=") else count // unit
    elif not kind.startswith(("Int", "UInt")):
        return None
    if not isinstance(number, int) or not 0 <= number <= _MOST:
        return None
    return (name, sign, number)
