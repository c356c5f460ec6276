"""Ctrl-C ends every read, in every consumer, within 0.2 s of the signal; nothing leaks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import nfdecode
from conftest import OFFICE, ROUTER

pytest.importorskip("pyarrow")
pytest.importorskip("polars")
pytest.importorskip("duckdb")

# 200 ms, and what a machine that is busy with other work adds to any process.
BOUND = 0.2 * float(os.environ.get("NFDECODE_SLOW", "1"))

WAYS = {
    "count": "flows.count()",
    "count with a filter that selects nothing": "flows.filter('host 203.0.113.77').count()",
    "rows": "sum(1 for _ in flows)",
    "rows that never come": "next(iter(flows.filter('host 203.0.113.77')))",
    "batches": "sum(map(len, flows.batches()))",
    "pyarrow": "pa.table(flows)",
    "pyarrow, no rows": "pa.table(flows.filter('host 203.0.113.77'))",
    "Polars": "pl.DataFrame(flows)",
    "Polars, no rows": "pl.DataFrame(flows.filter('host 203.0.113.77'))",
    "DuckDB": "duckdb.sql('SELECT sum(in_bytes) FROM flows').fetchall()",
    "pandas": "pd.DataFrame.from_arrow(flows)",
    "to_arrow": "flows.to_arrow()",
    "to_polars": "flows.to_polars()",
    "to_pandas": "flows.to_pandas()",
    "to_dicts": "flows.to_dicts()",
    "to_json": "flows.to_json('/dev/null/../shm/nfdecode-interrupt.json'.replace('/dev/null/..', '/dev'))",
    "to_parquet": "flows.to_parquet('/dev/shm/nfdecode-interrupt.parquet')",
    "scan_polars": "nfdecode.scan_polars(many).select(pl.col('in_bytes').sum()).collect()",
    "top": "nfdecode.top(many, 'src_addr,dst_addr')",
    "series": "nfdecode.series(many, '1s')",
    "rewrite": "nfdecode.rewrite(many, '/dev/shm/nfdecode-interrupt')",
    "check": "nfdecode.check(many)",
    "info": "nfdecode.info(many)",
}


@pytest.mark.parametrize("way", WAYS)
def test_keyboard_interrupt(way):
    """In a process of its own, as a user does it. The signal comes when the read has begun."""
    code = f"""
        import os, signal, sys, threading, time
        import duckdb, nfdecode, pandas as pd, polars as pl, pyarrow as pa
        many = [{str(ROUTER)!r}] * 60_000
        flows = nfdecode.read(many, fields="in_bytes,src_addr,dst_port")
        sent = []

        def send():
            time.sleep(0.3)
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=send, daemon=True).start()
        try:
            try:
                {WAYS[way]}
                time.sleep(1)
            except KeyboardInterrupt:
                raise
            except Exception as error:
                # A library may report its own error first; ours follows at once.
                for _ in range(100):
                    time.sleep(0.01)
                print("no KeyboardInterrupt, but", repr(error))
        except KeyboardInterrupt:
            try:
                took = time.monotonic() - sent[0]
                time.sleep(0.05)
            except KeyboardInterrupt:
                # Polars has a handler of its own, and may raise the exception beside Python's.
                took = time.monotonic() - sent[0]
            print("after", took)
    """
    for attempt in range(3):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, timeout=120)
        out = done.stdout.decode().strip()
        assert out.startswith("after "), out + done.stderr.decode()
        took = float(out.split()[1])
        if took <= BOUND:
            return
    pytest.fail(f"{way}: {took:.3f} s, three times")


@pytest.mark.usefixtures("nfpcapd")
@pytest.mark.parametrize("call", ["convert({source})", "convert_iter({source})", "convert_arrow({source})"])
def test_keyboard_interrupt_of_a_conversion(call, tmp_path):
    """nfpcapd is ended too, and nothing is left behind."""
    slow = tmp_path / "nfpcapd"
    slow.write_text(
        "#!/bin/sh\n"
        'case "$1" in -V) exec nfpcapd -V;; esac\n'
        f"echo $$ > {tmp_path}/pid\nsleep 30\n"
    )
    slow.chmod(0o755)
    place = tmp_path / "tmp"
    place.mkdir()
    source = f"{str(OFFICE)!r}, nfpcapd={str(slow)!r}"
    code = f"""
        import os, signal, threading, time, nfdecode, pyarrow as pa
        sent = []

        def send():
            while not os.path.exists({str(tmp_path / "pid")!r}):
                time.sleep(0.01)
            time.sleep(0.2)
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=send, daemon=True).start()
        try:
            found = nfdecode.{call.format(source=source)}
            if hasattr(found, "__arrow_c_stream__"):
                try:
                    pa.table(found)
                finally:
                    found.raise_failure()
            else:
                list(found)
        except KeyboardInterrupt:
            print("after", time.monotonic() - sent[0])
    """
    env = {**os.environ, "TMPDIR": str(place)}
    took = 9.0
    for _ in range(3):
        (tmp_path / "pid").unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, env=env, timeout=60)
        out = done.stdout.decode().strip()
        assert out.startswith("after "), out + done.stderr.decode()
        assert list(place.iterdir()) == []
        pid = int((tmp_path / "pid").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        took = float(out.split()[1])
        if took <= BOUND:
            return
    pytest.fail(f"{took:.3f} s, three times")


def test_on_another_thread_a_signal_waits_for_the_main_one(many):
    """A worker thread is not interrupted, and does not disturb the main thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(nfdecode.read(many[:300]).count()))
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        time.sleep(1)
    thread.join()
    assert len(results) == 1 and results[0] > 0


def test_a_handler_s_exception_is_raised(many):
    def handler(*_):
        raise LookupError("mine")

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(LookupError, match="mine"):
            nfdecode.read(many).count()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(LookupError, match="mine"):
            nfdecode.read(many).to_arrow()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_a_hundred_reads_leak_nothing():
    """In a process of its own: libraries that other tests load keep memory as they like."""
    code = f"""
        import os, resource, nfdecode, pyarrow as pa
        router = {str(ROUTER)!r}

        def once():
            flows = nfdecode.read([router] * 20)
            pa.table(flows)
            flows.to_dicts()
            list(flows.limit(100))
            next(iter(flows))
            nfdecode.top(router, "src_addr")

        def now():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * resource.getpagesize()

        for _ in range(20):
            once()
        before, running = now(), len(os.listdir("/proc/self/task"))
        for _ in range(100):
            once()
        print(now() - before, len(os.listdir("/proc/self/task")) - running)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, timeout=120, check=True)
    grown, threads = map(int, done.stdout.split())
    assert grown < 8 << 20, f"{grown >> 20} MiB more"
    assert threads <= 0
