"""Reading: equal to the program's Arrow, every kind of source, descriptions, rows, exports."""

from __future__ import annotations

import datetime as dt
import io
import ipaddress
import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

import nfdecode
from conftest import ARCHIVE, ROUTER

pa = pytest.importorskip("pyarrow")


@pytest.mark.parametrize("source", [ARCHIVE, ROUTER])
@pytest.mark.parametrize("options", [[], ["--filter", "proto tcp"], ["--limit", "17"], ["-j1"]])
def test_equals_the_program_s_arrow(run, tmp_path, source, options):
    names = [column["name"] for column in nfdecode.columns()]
    out = tmp_path / "x.arrow"
    run("read", "-f", "arrow", "--fields", ",".join(names), "-o", out, *options, source)
    with pa.OSFile(str(out)) as file:
        expected = pa.ipc.open_file(file).read_all()
    words = {"--filter": {"filter": "proto tcp"}, "--limit": {"limit": 17}, "-j1": {"threads": 1}}
    found = pa.table(nfdecode.read(source, fields=names, **(words[options[0]] if options else {})))
    assert found.num_rows == expected.num_rows > 0
    for name in names:
        assert found[name].to_pylist() == expected[name].to_pylist(), name
        assert found.schema.field(name).type == expected.schema.field(name).type, name


def test_standard_columns_by_default():
    standard = [column["name"] for column in nfdecode.columns() if column["standard"]]
    flows = nfdecode.read(ROUTER)
    assert flows.columns == standard == flows.schema.names == pa.table(flows).column_names


def test_sources_of_every_kind_give_the_same():
    expected = nfdecode.read(ARCHIVE, fields="first,src_addr,in_bytes").to_arrow()
    paths = sorted(ARCHIVE.glob("nfcapd.*"))
    contents = [path.read_bytes() for path in paths]
    for source in [
        str(ARCHIVE),
        f"{ARCHIVE}/nfcapd.*",
        f"{ARCHIVE.parent}/*/nfcapd.20261124133[05]",
        paths,
        tuple(map(str, paths)),
        contents,
        [io.BytesIO(content) for content in contents],
        (path for path in paths),
    ]:
        found = nfdecode.read(source, fields="first,src_addr,in_bytes").to_arrow()
        if "/*/" in str(source):
            assert found.num_rows == nfdecode.read(paths[:2]).count()
        else:
            assert found.equals(expected), source
    with open(paths[0], "rb") as file:
        assert nfdecode.read(file).files == [paths[0].name]
    assert nfdecode.read([paths[0], contents[0]]).count() == 226


def test_wrong_sources():
    with pytest.raises(FileNotFoundError) as caught:
        nfdecode.read("/nowhere")
    assert caught.value.filename == "/nowhere"
    with pytest.raises(FileNotFoundError, match="no file matches"):
        nfdecode.read("/nowhere/*.x")
    with pytest.raises(FileNotFoundError, match="no nfcapd files"):
        nfdecode.read(pathlib.Path(__file__).parent)
    with pytest.raises(nfdecode.DamageError, match="nfcapd") as wrong:
        nfdecode.read(__file__)
    assert wrong.value.kind == "NotNfcapd" and wrong.value.file == __file__
    with pytest.raises(TypeError):
        nfdecode.read(7)
    with pytest.raises(TypeError, match="binary"):
        nfdecode.read(io.StringIO("x"))
    with pytest.raises(nfdecode.DamageError):
        nfdecode.read(b"")
    if os.geteuid() != 0:
        return
    assert nfdecode.read([]).count() == 0


def test_wrong_arguments():
    with pytest.raises(ValueError, match="unknown column src_adr"):
        nfdecode.read(ROUTER, fields="src_adr")
    with pytest.raises(ValueError, match="did you mean src_port"):
        nfdecode.read(ROUTER, fields=["SrcPort"])
    for arguments in [
        {"errors": "no"},
        {"addresses": "x"},
        {"threads": 0},
        {"limit": -1},
        {"since": "x"},
        {"since": 5, "last": 5},
        {"since": 6, "until": 5},
        {"last": "1 fortnight"},
        {"since": -1},
    ]:
        with pytest.raises(ValueError):
            nfdecode.read(ROUTER, **arguments)
    with pytest.raises(TypeError):
        nfdecode.read(ROUTER, filter=7)
    with pytest.raises(TypeError):
        nfdecode.read(ROUTER, since=[])


def test_windows_of_time():
    flows = nfdecode.read(ARCHIVE, fields="first,last")
    times = flows.to_arrow().to_pylist()
    moment = dt.datetime(2026, 11, 24, 13, 36, tzinfo=dt.timezone.utc)
    expected = sum(row["last"] >= moment for row in times)
    assert 0 < expected < len(times)
    for text in [moment, moment.timestamp(), "2026-11-24T13:36:00Z", "2026-11-24T14:36:00+01:00", "2026/11/24.13:36:00"]:
        assert nfdecode.read(ARCHIVE, since=text).count() == expected, text
    assert nfdecode.read(ARCHIVE, until=moment).count() == sum(row["first"] < moment for row in times)
    assert nfdecode.read(ARCHIVE, last="1s").count() == 0
    assert nfdecode.read(ARCHIVE, last=dt.timedelta(days=10_000)).count() == len(times)
    assert nfdecode.read(ARCHIVE, since="-9000d", until="now").count() <= len(times)


def test_a_description_is_frozen_and_reusable():
    flows = nfdecode.read(ARCHIVE, filter="proto tcp")
    with pytest.raises(AttributeError):
        flows.limit = 5
    first, again = pa.table(flows), pa.table(flows)
    assert first.equals(again) and flows.count() == first.num_rows
    assert flows.limit(5).count() == 5 and flows.limit(5).limit(9).count() == 5
    assert flows.select("in_bytes").columns == ["in_bytes"]
    both = flows.filter("dst port 443")
    assert both.count() == nfdecode.read(ARCHIVE, filter="proto tcp and dst port 443").count()
    assert flows.filter(nfdecode.Filter("any")).count() == flows.count()
    assert "proto 6" in repr(flows) and "3 files" in repr(flows)
    assert repr(flows.limit(3)).endswith("at most 3 flows>")


def test_rows_have_python_s_types():
    rows = list(nfdecode.read(ARCHIVE, fields="all"))
    assert len(rows) == 419
    row = rows[0]
    assert row["src_addr"] == ipaddress.ip_address("192.0.2.10") == row["src4_addr"]
    assert row["first"] == dt.datetime(2026, 11, 24, 13, 31, 57, 679_000, dt.timezone.utc)
    assert row["file"] == "nfcapd.202611241330" and row["type"] == "FLOW" and row["sampled"] is False
    assert row["in_src_mac"] is None and row["src6_addr"] is None
    table = pa.table(nfdecode.read(ARCHIVE, fields="in_bytes,dst_port,proto,ident")).to_pylist()
    assert [{name: row[name] for name in table[0]} for row in rows] == table
    six = next(row for row in rows if row["src6_addr"] is not None)
    assert isinstance(six["src_addr"], ipaddress.IPv6Address)
    router = list(nfdecode.read(ROUTER, fields="all"))
    assert {type(value) for row in router for value in row.values()} >= {int, str, bool, type(None)}


def test_addresses_as_text():
    flows = nfdecode.read(ARCHIVE, addresses="text", fields="src_addr,src4_addr,in_src_mac,in_bytes")
    table = pa.table(flows)
    assert table.schema.field("src_addr").type == pa.string() == flows.schema.field("in_src_mac").type
    rows = list(nfdecode.read(ARCHIVE, fields="src_addr,src4_addr,in_src_mac,in_bytes"))
    text = [{name: value if value is None or name == "in_bytes" else str(value) for name, value in row.items()} for row in rows]
    assert table.to_pylist() == text


def test_dictionaries_equal_the_program_s_json(run):
    for source in [ARCHIVE, ROUTER]:
        printed = json.loads(run("read", "-f", "json", source))
        found = nfdecode.read(source).to_dicts()
        assert found == printed and [list(flow) for flow in found] == [list(flow) for flow in printed]


def test_json_files(run, tmp_path):
    path = tmp_path / "x.json"
    for lines, form in [(True, "ndjson"), (False, "json")]:
        assert nfdecode.read(ARCHIVE).to_json(path, lines=lines) == 419
        assert path.read_bytes() == run("read", "-f", form, ARCHIVE)
    with pytest.raises(FileNotFoundError):
        nfdecode.read(ARCHIVE).to_json("/nowhere/x.json")
    assert os.listdir(tmp_path) == ["x.json"]


def test_parquet_files(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    flows = nfdecode.read(ARCHIVE, fields="first,src_addr,in_bytes,type")
    assert flows.to_parquet(tmp_path / "x.parquet", bloom=True) == 419
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == pa.table(flows).to_pylist()
    dataset = pytest.importorskip("pyarrow.dataset")
    for by, parts in [("day", 1), ("hour", 1), ("5m", 3)]:
        lake = tmp_path / by
        assert flows.to_parquet(lake, partition_by=by) == 419
        files = sorted(lake.rglob("*.parquet"))
        assert len(files) == parts and files[0].relative_to(lake).parts[0] == "day=2026-11-24"
        found = dataset.dataset(lake, format="parquet", partitioning="hive").to_table()
        assert sorted(found["in_bytes"].to_pylist()) == sorted(pa.table(flows)["in_bytes"].to_pylist())
    with pytest.raises(OSError, match="not empty"):
        flows.to_parquet(lake, partition_by="day")
    with pytest.raises(ValueError, match="first"):
        flows.select("in_bytes").to_parquet(tmp_path / "y", partition_by="day")
    with pytest.raises(ValueError, match="partition_by"):
        flows.to_parquet(tmp_path / "y", partition_by="year")
    assert not list(tmp_path.rglob(".*tmp"))


def test_batches_are_for_any_library():
    pl = pytest.importorskip("polars")
    flows = nfdecode.read(ARCHIVE, fields="in_bytes,dst_port")
    batches = list(flows.batches())
    assert len(batches) == 3 and sum(map(len, batches)) == 419
    assert batches[0].columns == ["in_bytes", "dst_port"]
    assert pa.record_batch(batches[0]).num_rows == len(batches[0]) == pl.DataFrame(batches[0]).height
    assert pa.schema(batches[0]) == pa.schema(flows)
    assert "flows" in repr(batches[0])


def test_a_stream_is_read_once():
    stream = nfdecode.read(ARCHIVE).batches()
    assert pa.table(stream).num_rows == 419
    with pytest.raises(RuntimeError, match="already"):
        pa.table(stream)


def test_encrypted_files(tmp_path):
    # A key is no obstacle for files that need none.
    assert nfdecode.read(ROUTER, key="secret").count() == nfdecode.read(ROUTER, key=b"secret").count()


def test_threads_fork_and_early_drop(many):
    flows = nfdecode.read(many[:50], fields="in_bytes")
    expected = flows.count()
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(pa.table(flows).num_rows)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [expected] * 4
    if sys.version_info < (3, 12):
        child = os.fork()
        if child == 0:
            os._exit(0 if pa.table(flows).num_rows == expected else 1)
        assert os.waitpid(child, 0)[1] == 0
    rows = iter(nfdecode.read(many))
    next(rows)
    begun = dt.datetime.now()
    del rows
    stream = nfdecode.read(many).batches()
    next(stream)
    del stream
    assert dt.datetime.now() - begun < dt.timedelta(seconds=1)


def test_exit_with_an_open_stream(many):
    code = f"""
import nfdecode, pyarrow as pa
rows = iter(nfdecode.read([{str(ROUTER)!r}] * 20000)); next(rows)
reader = pa.RecordBatchReader.from_stream(nfdecode.read([{str(ROUTER)!r}] * 20000)); reader.read_next_batch()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_other_threads_run_while_a_read_waits(many):
    ticks = []
    done = threading.Event()

    def spin():
        while not done.wait(0.001):
            ticks.append(1)

    thread = threading.Thread(target=spin)
    thread.start()
    begun = dt.datetime.now()
    nfdecode.read(many[:400]).count()
    pa.table(nfdecode.read(many[:100]))
    took = (dt.datetime.now() - begun).total_seconds()
    done.set()
    thread.join()
    assert len(ticks) > took * 100, (len(ticks), took)
