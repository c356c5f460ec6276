"""Each column's type and values in Polars, pandas, pyarrow and DuckDB."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nfdecode
from conftest import ARCHIVE, ROUTER

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
pd = pytest.importorskip("pandas")
duckdb = pytest.importorskip("duckdb")

# Type of a column -> type in pyarrow, Polars, pandas, DuckDB.
TYPES = {
    "bool": (pa.bool_(), pl.Boolean, "bool[pyarrow]", "BOOLEAN"),
    "uint8": (pa.uint8(), pl.UInt8, "uint8[pyarrow]", "UTINYINT"),
    "uint16": (pa.uint16(), pl.UInt16, "uint16[pyarrow]", "USMALLINT"),
    "uint32": (pa.uint32(), pl.UInt32, "uint32[pyarrow]", "UINTEGER"),
    "uint64": (pa.uint64(), pl.UInt64, "uint64[pyarrow]", "UBIGINT"),
    "timestamp[ms, UTC]": (
        pa.timestamp("ms", "UTC"),
        pl.Datetime("ms", "UTC"),
        "timestamp[ms, tz=UTC][pyarrow]",
        "TIMESTAMP WITH TIME ZONE",
    ),
    "ipv4": (pa.binary(4), pl.Binary, "ipv4", "BLOB"),
    "ipv6": (pa.binary(16), pl.Binary, "ipv6", "BLOB"),
    "ip": (pa.binary(16), pl.Binary, "ip", "BLOB"),
    "mac": (pa.binary(6), pl.Binary, "mac", "BLOB"),
    "list[uint32]": (pa.list_(pa.field("item", pa.uint32(), False)), pl.List(pl.UInt32), "list", "UINTEGER[]"),
    "dictionary[str]": (None, pl.Categorical, "dictionary", None),
    "str": (pa.string(), pl.String, "string[pyarrow]", "VARCHAR"),
    "bytes": (pa.binary(), pl.Binary, "binary[pyarrow]", "BLOB"),
}
COLUMNS = nfdecode.columns()


@pytest.fixture(scope="module")
def frames():
    flows = nfdecode.read([*sorted(ARCHIVE.glob("nfcapd.*")), ROUTER], fields="all")
    relation = duckdb.sql("FROM flows")
    return {
        "arrow": flows.to_arrow(),
        "polars": flows.to_polars(),
        "pandas": flows.to_pandas(),
        "duckdb": dict(zip(relation.columns, map(str, relation.types))),
        "rows": relation.fetchall(),
        "flows": flows,
    }


@pytest.mark.parametrize("column", COLUMNS, ids=[str(column["name"]) for column in COLUMNS])
def test_types_and_values(frames, column):
    name, kind = column["name"], column["type"]
    arrow, polars, pandas, duck = TYPES[kind]
    found = frames["arrow"].schema.field(name).type
    if kind == "dictionary[str]":
        assert pa.types.is_dictionary(found) and found.value_type == pa.string()
    elif kind in ("ip", "ipv4", "ipv6", "mac"):
        assert found.storage_type == arrow and found.extension_name == f"nfdecode.{kind}"
    elif kind == "list[uint32]":
        assert pa.types.is_list(found)
    else:
        assert found == arrow
    dtype = frames["polars"].schema[name]
    storage = dtype.ext_storage() if hasattr(dtype, "ext_storage") else dtype
    assert storage == polars or storage.base_type() == polars, (dtype, polars)
    assert pandas in str(frames["pandas"].dtypes[name])
    if duck is not None:
        assert frames["duckdb"][name] == duck
    else:
        assert frames["duckdb"][name] == "VARCHAR" or frames["duckdb"][name].startswith("ENUM")
    # Values: the same missing ones, and the same others where types are plain.
    expected = frames["arrow"][name].to_pylist()
    missing = [value is None for value in expected]
    assert frames["polars"][name].is_null().to_list() == missing
    assert frames["pandas"][name].isna().tolist() == missing
    at = list(frames["duckdb"]).index(name)
    assert [row[at] is None for row in frames["rows"]] == missing
    if kind.startswith("uint") or kind in ("bool", "str", "bytes", "dictionary[str]"):
        assert frames["polars"][name].to_list() == expected
        assert [row[at] for row in frames["rows"]] == expected


def test_addresses_are_shown_as_text_by_pyarrow_and_pandas():
    flows = nfdecode.read(ARCHIVE, fields="src_addr,in_src_mac,src4_addr,src6_addr").limit(3)
    values = flows.to_arrow().to_pylist()
    assert str(values[0]["src_addr"]) == "192.0.2.10"
    assert str(flows.to_pandas()["src_addr"].iloc[0]) == "192.0.2.10"
    text = nfdecode.read(ARCHIVE, fields="src_addr", addresses="text")
    assert "192.0.2.10" in str(text.to_pandas()) and "192.0.2.10" in str(text.to_polars())


def test_duckdb_reads_a_variable_twice():
    flows = nfdecode.read(ARCHIVE, fields="dst_port,in_bytes")
    total = duckdb.sql("SELECT sum(a.in_bytes) FROM flows a").fetchall()
    assert total == [(245_869,)]
    joined = duckdb.sql("SELECT count(*) FROM flows a JOIN flows b USING (dst_port)").fetchall()
    assert joined[0][0] > 419
    low, high = nfdecode.ip_range("192.0.2.0/24")
    flows = nfdecode.read(ARCHIVE, fields="src_addr")
    inside = duckdb.execute("SELECT count(*) FROM flows WHERE src_addr BETWEEN ? AND ?", [low, high]).fetchall()
    assert inside[0][0] == nfdecode.read(ARCHIVE, filter="src net 192.0.2.0/24").count() > 0


def test_helpers_for_addresses():
    assert nfdecode.ip("192.0.2.1") == b"\0" * 10 + b"\xff\xff" + bytes([192, 0, 2, 1])
    assert nfdecode.ip("2001:db8::1")[:4] == bytes.fromhex("20010db8")
    assert nfdecode.ip_range("2001:db8::/32")[1].endswith(b"\xff" * 12)


def test_without_any_other_library():
    """The package works, and imports, where no consumer can be imported."""
    code = f"""
import sys
for name in ("pyarrow", "polars", "pandas", "duckdb", "numpy"):
    sys.modules[name] = None
import nfdecode
flows = nfdecode.read({str(ARCHIVE)!r})
assert flows.count() == len(list(flows)) == len(flows.to_dicts()) == 419
assert nfdecode.top({str(ARCHIVE)!r}, "src_addr") and nfdecode.series({str(ARCHIVE)!r})
assert len(list(flows.batches())) == 3
assert nfdecode.info({str(ARCHIVE)!r}) and nfdecode.check({str(ARCHIVE)!r})
flows.to_parquet(sys.argv[1])
try:
    flows.to_polars()
except ImportError:
    pass
"""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([sys.executable, "-c", code, f"{place}/x.parquet"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
