"""Damaged files with each errors=, in each way out; limits and salvage."""

from __future__ import annotations

import warnings

import pytest

import nfdecode
from conftest import ARCHIVE, ROUTER

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")

WAYS = {
    "count": lambda flows: flows.count(),
    "rows": lambda flows: sum(1 for _ in flows),
    "batches": lambda flows: sum(map(len, flows.batches())),
    "to_polars": lambda flows: flows.to_polars().height,
    "to_arrow": lambda flows: flows.to_arrow().num_rows,
    "to_pandas": lambda flows: len(flows.to_pandas()),
    "to_dicts": lambda flows: len(flows.to_dicts()),
    "to_json": lambda flows: flows.to_json("/dev/shm/nfdecode-test.json"),
    "to_parquet": lambda flows: flows.to_parquet("/dev/shm/nfdecode-test.parquet"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("broken", ["damaged", "truncated"])
def test_every_way_out_reports_damage(way, broken, request):
    path = request.getfixturevalue(broken)
    sources = [ROUTER, path, ROUTER]
    one = nfdecode.read(ROUTER).count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        skipped = WAYS[way](nfdecode.read(sources, errors="skip"))
    assert 2 * one <= skipped < 5 * one
    flows = nfdecode.read(sources, errors="warn")
    with pytest.warns(nfdecode.DamageWarning, match=path.name):
        assert WAYS[way](flows) == skipped
    assert flows.damage and all(isinstance(found, nfdecode.DamageError) for found in flows.damage)
    assert flows.damage[0].file == str(path)
    with pytest.raises(nfdecode.DamageError, match=path.name) as caught:
        WAYS[way](nfdecode.read(sources))
    assert caught.value.file == str(path) and caught.value.kind
    # A warning that is made an error is raised, like one of Python's own.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(nfdecode.DamageWarning):
            WAYS[way](nfdecode.read(sources, errors="warn"))


def test_intact_flows_come_before_the_exception(damaged):
    rows = []
    with pytest.raises(nfdecode.DamageError):
        for row in nfdecode.read([ROUTER, damaged], fields="in_bytes"):
            rows.append(row)
    assert len(rows) >= nfdecode.read(ROUTER).count()


def test_other_libraries_report_it_as_their_own_error(damaged):
    flows = nfdecode.read([ROUTER, damaged])

    def by_duckdb(flows):
        return duckdb.sql("FROM flows").fetchall()

    for consume, error in [
        (lambda: pa.table(flows), pa.ArrowException),
        (lambda: pl.DataFrame(flows), pl.exceptions.PolarsError),
        (lambda: by_duckdb(flows), duckdb.Error),
    ]:
        with pytest.raises((error, OSError, ValueError), match=damaged.name):
            consume()
        assert flows.damage[0].file == str(damaged)


def test_files_that_vanish_are_os_errors(tmp_path):
    path = tmp_path / "nfcapd.202601010000"
    path.write_bytes(ROUTER.read_bytes())
    flows = nfdecode.read([ROUTER, path], fields="in_bytes")
    path.unlink()
    for way in ["count", "to_polars", "to_arrow", "rows"]:
        with pytest.raises(FileNotFoundError) as caught:
            WAYS[way](flows)
        assert caught.value.filename == str(path)
    with pytest.warns(nfdecode.DamageWarning):
        assert nfdecode.read([ROUTER], errors="warn").count() or warnings.warn("x", nfdecode.DamageWarning)
        assert nfdecode.read(ROUTER).count() == _count_without(flows)


def _count_without(flows):
    return nfdecode.Flows(flows._inputs, {**flows._options, "errors": "warn"}).count()


def test_salvage_reads_more(truncated):
    plain = nfdecode.read(truncated, errors="skip").count()
    salvaged = nfdecode.read(truncated, errors="skip", salvage=True)
    assert salvaged.count() >= plain
    assert salvaged.damage


def test_the_first_file_is_checked_at_once(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(nfdecode.DamageError):
        nfdecode.read([path, ROUTER])
    with pytest.warns(nfdecode.DamageWarning):
        assert nfdecode.read([path, ROUTER], errors="warn").count() == nfdecode.read(ROUTER).count()
    with pytest.raises(nfdecode.DamageError):
        nfdecode.read([b"nothing of the kind"])
    assert nfdecode.read([b"nothing", ROUTER.read_bytes()], errors="skip").count() > 0


def test_a_limit_ends_before_the_damage(damaged):
    assert nfdecode.read([ROUTER, damaged]).limit(3).to_polars().height == 3


def test_every_byte_may_be_wrong():
    """Nothing but our exceptions, whatever a file contains."""
    content = ROUTER.read_bytes()
    for at in range(0, len(content), max(1, len(content) // 150)):
        changed = bytearray(content)
        changed[at] ^= 0x55
        for source in [bytes(changed), content[:at]]:
            flows = nfdecode.read([source], errors="skip", salvage=at % 2 == 0)
            assert flows.count() == sum(map(len, flows.batches())) == len(flows.to_dicts())


def test_answers_report_damage_too(damaged):
    for ask in [lambda **k: nfdecode.top([ROUTER, damaged], "proto", **k), lambda **k: nfdecode.series(damaged, **k)]:
        with pytest.raises(nfdecode.DamageError):
            ask()
        with pytest.warns(nfdecode.DamageWarning):
            assert ask(errors="warn") == ask(errors="skip") != []


def test_exceptions_form_a_family():
    assert issubclass(nfdecode.DamageError, nfdecode.NfdecodeError)
    assert issubclass(nfdecode.UnsupportedError, nfdecode.NfdecodeError)
    assert issubclass(nfdecode.ConvertError, nfdecode.NfdecodeError)
    assert issubclass(nfdecode.FilterError, ValueError)
    for name in ["NfpcapdNotFoundError", "CaptureError", "DiskFullError", "ConvertTimeoutError", "IncompleteError"]:
        assert issubclass(getattr(nfdecode, name), nfdecode.ConvertError)
    swapped = bytearray(ARCHIVE.joinpath("nfcapd.202611241330").read_bytes())
    swapped[:2] = swapped[1::-1]
    with pytest.raises(nfdecode.UnsupportedError) as caught:
        nfdecode.read([bytes(swapped)])
    assert caught.value.kind == "OtherByteOrder" and caught.value.file is None
