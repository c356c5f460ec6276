"""Captures: equal to the program's JSON, every kind of source, errors, nothing left behind."""

from __future__ import annotations

import errno
import io
import json
import os
import threading
from pathlib import Path

import pytest

import nfdecode
from conftest import OFFICE

pytestmark = pytest.mark.usefixtures("nfpcapd")


@pytest.fixture
def tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for temporary files, which must be empty again at the end."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    yield place
    assert list(place.iterdir()) == []


def without_received(flows: dict) -> dict:
    """nfpcapd stores when it saw a flow, which differs between two runs."""
    return {name: [{k: v for k, v in flow.items() if k != "received"} for flow in rows] for name, rows in flows.items()}


def keys(flows: dict) -> list:
    return [list(flow) for rows in flows.values() for flow in rows]


@pytest.mark.parametrize("options", [[], ["--slot", "2m"], ["--filter", "proto tcp"], ["--payload"]])
def test_equals_what_the_program_prints(run, tmp, options):
    printed = json.loads(run("convert", OFFICE, *options))
    words = {"--slot": "slot", "--filter": "filter"}
    arguments = {words[options[0]]: options[1]} if options[1:] else {}
    if options == ["--payload"]:
        arguments = {"payload": True}
    found = nfdecode.convert(OFFICE, **arguments)
    assert without_received(found) == without_received(printed)
    assert list(found) == list(printed)
    assert keys(found) == keys(printed), "the order of keys is that of nfdump"
    assert sum(map(len, found.values())) > 0
    assert found.notes == [] and found.losses == []


def test_times_are_in_the_zone_that_is_asked_for(tmp):
    flow = next(iter(nfdecode.convert(OFFICE, tz="Asia/Tokyo").values()))[0]
    assert flow["first"].startswith("2026-11-24T22:31")
    with pytest.raises(ValueError, match="unknown time zone"):
        nfdecode.convert(OFFICE, tz="Nowhere/Land")


def test_sources_of_every_kind_give_the_same(tmp, tmp_path):
    expected = without_received(nfdecode.convert(str(OFFICE)))
    content = OFFICE.read_bytes()
    compressed = tmp_path / "x.gz"
    compressed.write_bytes(__import__("gzip").compress(content))
    with open(OFFICE, "rb") as file:
        for source in [OFFICE, content, memoryview(content), io.BytesIO(content), file, compressed, [OFFICE]]:
            assert without_received(nfdecode.convert(source)) == expected, type(source)


def test_several_captures_number_their_files(tmp):
    found = nfdecode.convert([OFFICE, OFFICE])
    once = nfdecode.convert(OFFICE)
    assert list(found) == [*once, *(f"{name}.2" for name in once)]


def test_files_come_one_by_one_and_may_be_left(tmp):
    with nfdecode.convert_iter(OFFICE) as files:
        name, flows = next(files)
        assert name == "nfcapd.202611241330" and flows
        assert list(tmp.iterdir()), "the conversion is still there"
    assert list(tmp.iterdir()) == []
    files = nfdecode.convert_iter(OFFICE)
    assert [name for name, _ in files] == list(nfdecode.convert(OFFICE))
    assert files.notes == files.losses == []
    assert list(files) == []
    del files
    left = nfdecode.convert_iter(OFFICE)
    next(left)
    del left


def test_columns_equal_dictionaries(tmp):
    pa = pytest.importorskip("pyarrow")
    table = pa.table(nfdecode.convert_arrow(OFFICE, fields="file,src_port,in_bytes"))
    rows = nfdecode.convert(OFFICE)
    assert table["in_bytes"].to_pylist() == [flow["in_bytes"] for flows in rows.values() for flow in flows]
    assert table["file"].to_pylist() == [name for name, flows in rows.items() for _ in flows]
    assert "file" in pa.table(nfdecode.convert_arrow(OFFICE)).column_names


def test_progress_is_called_and_may_end_it(tmp):
    seen = []
    nfdecode.convert(OFFICE, progress=lambda *found: seen.append(found))
    assert seen and {stage for stage, _, _ in seen} <= {"inspecting", "rewriting", "converting"}

    def stop(*_):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        nfdecode.convert(OFFICE, progress=stop)


def test_a_missing_nfpcapd_says_what_to_install(tmp):
    with pytest.raises(nfdecode.NfpcapdNotFoundError, match="install the package nfdump.*nfpcapd="):
        nfdecode.convert(OFFICE, nfpcapd="/nowhere/nfpcapd")
    with pytest.raises(nfdecode.NfpcapdNotFoundError, match="does not look like nfpcapd"):
        nfdecode.convert(OFFICE, nfpcapd="/bin/true")


def test_what_is_no_capture(tmp):
    with pytest.raises(nfdecode.CaptureError, match="not a capture.*give a pcap"):
        nfdecode.convert(b"GET / HTTP/1.1\r\n" * 10)
    with pytest.raises(nfdecode.CaptureError):
        nfdecode.convert(b"")
    with pytest.raises(nfdecode.CaptureError, match="nfdecode.read"):
        nfdecode.convert(__import__("conftest").ROUTER)
    with pytest.raises(FileNotFoundError) as caught:
        nfdecode.convert("/nowhere/x.pcap")
    assert caught.value.errno == errno.ENOENT and caught.value.filename == "/nowhere/x.pcap"
    with pytest.raises(TypeError):
        nfdecode.convert(7)
    with pytest.raises(TypeError):
        nfdecode.convert([7])


def test_a_truncated_capture(tmp, tmp_path):
    content = OFFICE.read_bytes()
    cut = content[: len(content) - 7]
    with pytest.raises(nfdecode.IncompleteError, match="errors=\"warn\"") as caught:
        nfdecode.convert(cut)
    assert caught.value.losses and sum(map(len, caught.value.result.values())) > 400
    with pytest.warns(nfdecode.ConvertWarning, match="packet"):
        found = nfdecode.convert(cut, errors="warn")
    assert without_received(found) == without_received(caught.value.result)
    assert nfdecode.convert(cut, errors="skip").losses == found.losses
    files = nfdecode.convert_iter(cut)
    with pytest.raises(nfdecode.IncompleteError):
        list(files)
    with pytest.raises(ValueError, match="errors must be"):
        nfdecode.convert(cut, errors="ignore")


def test_a_failing_file_object_is_its_own_error(tmp):
    class Broken(io.RawIOBase):
        def read(self, _=-1):
            raise OSError(errno.EIO, "the disk is gone")

    with pytest.raises((nfdecode.CaptureError, OSError)):
        nfdecode.convert(Broken())


def test_a_full_disk(monkeypatch, tmp_path):
    if os.geteuid() != 0 or os.system(f"mkdir {tmp_path}/small && mount -t tmpfs -o size=64k none {tmp_path}/small 2>/dev/null"):
        pytest.skip("no small file system can be mounted here")
    try:
        monkeypatch.setenv("TMPDIR", f"{tmp_path}/small")
        # Compressed, so that the whole capture is rewritten there.
        content = __import__("gzip").compress(OFFICE.read_bytes())
        with pytest.raises(nfdecode.DiskFullError, match="TMPDIR"):
            nfdecode.convert(content)
        assert os.listdir(f"{tmp_path}/small") == []
    finally:
        os.system(f"umount {tmp_path}/small")


def test_wrong_settings(tmp):
    for arguments in [{"slot": 1}, {"slot": "x"}, {"active_timeout": 0}, {"slot": -1}]:
        with pytest.raises(ValueError):
            nfdecode.convert(OFFICE, **arguments)
    with pytest.raises(nfdecode.FilterError):
        nfdecode.convert(OFFICE, filter="prto tcp")


def test_on_other_threads(tmp):
    results = []
    threads = [threading.Thread(target=lambda: results.append(nfdecode.convert(OFFICE))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and all(len(found) == 3 for found in results)
