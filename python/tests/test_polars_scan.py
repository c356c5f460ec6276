"""The lazy frame of Polars: pushed down or not, results are equal."""

from __future__ import annotations

import datetime as dt

import pytest

import nfdecode
from conftest import ARCHIVE, ROUTER

pl = pytest.importorskip("polars")
hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies as st  # noqa: E402
from polars.testing import assert_frame_equal  # noqa: E402

from nfdecode import _polars  # noqa: E402

FIELDS = ["first", "last", "src_port", "dst_port", "proto", "in_bytes", "in_packets", "out_bytes", "src_as", "tcp_flags",
          "src_tos", "dst_tos", "out_packets", "dst_as"]
SOURCE = [*sorted(ARCHIVE.glob("nfcapd.*")), ROUTER]
WHOLE = nfdecode.read(SOURCE, fields=FIELDS).to_polars()
NUMBERS = [name for name in FIELDS if name not in ("first", "last")]
MOMENTS = sorted(set(WHOLE["first"].drop_nulls().to_list()))

numbers = st.one_of(
    st.sampled_from([0, 1, 6, 17, 53, 80, 443, 1024, 65535, 65536, 2**32, -1]),
    st.sampled_from(sorted(set(WHOLE["in_bytes"].drop_nulls().to_list()))),
    st.sampled_from(sorted(set(WHOLE["dst_port"].drop_nulls().to_list()))),
)
moments = st.builds(
    lambda moment, shift: moment + dt.timedelta(microseconds=shift),
    st.sampled_from(MOMENTS),
    st.sampled_from([0, 0, 1, -1, 500, 1000, -1000]),
)
OPERATORS = ["eq", "ne", "gt", "ge", "lt", "le"]


@st.composite
def comparisons(draw):
    operator = draw(st.sampled_from(OPERATORS))
    if draw(st.booleans()):
        name, value = draw(st.sampled_from(NUMBERS)), draw(numbers)
    else:
        name, value = draw(st.sampled_from(["first", "last"])), draw(moments)
    column, literal = pl.col(name), pl.lit(value)
    turned = draw(st.booleans())
    return getattr(literal if turned else column, operator)(column if turned else literal)


others = st.one_of(
    st.builds(lambda a, b: pl.col("in_bytes").is_between(a, b), numbers, numbers),
    st.builds(lambda a: pl.col("dst_port").is_in([a, 443]), numbers),
    st.builds(lambda name: pl.col(name).is_null(), st.sampled_from(FIELDS)),
    st.builds(lambda a: pl.col("in_bytes") + pl.col("in_packets") > a, numbers),
)
predicates = st.recursive(
    st.one_of(comparisons(), comparisons(), others),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
    ),
    max_leaves=5,
)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(predicate=predicates, rows=st.one_of(st.none(), st.integers(0, 50)))
def test_pushed_equals_unpushed(predicate, rows):
    lazy = nfdecode.scan_polars(SOURCE, fields=FIELDS)
    columns = ["dst_port", "in_bytes", "first"]
    for order in ["filter", "limit"]:
        eager = WHOLE
        query = lazy
        if order == "filter":
            eager, query = eager.filter(predicate), query.filter(predicate)
        if rows is not None:
            eager, query = eager.head(rows), query.head(rows)
        if order == "limit":
            eager, query = eager.filter(predicate), query.filter(predicate)
        assert_frame_equal(query.select(columns).collect(), eager.select(columns))


def test_conditions_are_pushed_down():
    for predicate, expected in [
        (pl.col("dst_port") == 443, "dst port 443"),
        (pl.lit(443) < pl.col("dst_port"), "dst port > 443"),
        ((pl.col("in_bytes") >= 5) & (pl.col("tcp_flags") == 2), "bytes >= 5"),
        ((pl.col("in_bytes") >= 5) | (pl.col("src_port") == 2), "bytes >= 5 or src port 2"),
        ((pl.col("in_bytes") >= 5) | (pl.col("tcp_flags") == 2), None),
        (~(pl.col("in_bytes") >= 5), None),
        (pl.col("in_bytes") == -5, None),
        (pl.col("dst_port") == 70_000, None),
        (pl.col("in_bytes").is_between(1, 9), "bytes >= 1 and bytes <= 9"),
    ]:
        found = _polars.implied(predicate)
        want = None if expected is None else nfdecode.Filter(expected)
        assert found == want, (predicate, found)
    moment = dt.datetime(2026, 11, 24, 13, 36, tzinfo=dt.timezone.utc)
    assert "first seen >=" in str(_polars.implied(pl.col("first") >= moment))


def test_only_what_is_needed_is_read():
    lazy = nfdecode.scan_polars(ARCHIVE)
    assert lazy.select(pl.len()).collect().item() == 419
    assert lazy.select("in_bytes").sum().collect().item() == 245_869
    assert lazy.head(3).collect().height == 3
    assert lazy.collect().columns == nfdecode.read(ARCHIVE).columns
    assert "nfdecode" in lazy.explain()
    top = lazy.group_by("dst_port").agg(pl.col("in_bytes").sum()).sort("in_bytes").tail(1).collect()
    assert top["in_bytes"].item() > 0


def test_errors_of_files_are_ours(damaged):
    with pytest.raises((nfdecode.DamageError, pl.exceptions.ComputeError)):
        nfdecode.scan_polars(damaged).collect()
    with pytest.warns(nfdecode.DamageWarning):
        assert nfdecode.scan_polars(damaged, errors="warn").collect().height > 0
