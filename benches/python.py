"""Speed of the Python package beside nfdump in a subprocess, by CPU time.

    python benches/python.py FLOWS [--nfdump PATH] [--nfpcapd PATH] [--rounds 7] [--flows 100000]

FLOWS is a large nfcapd file; `benches/compare` makes one. All ways of a question are run in turn, round after round, each
in a process of its own, and the median of user and system time of that process and of those it starts is shown: it
hardly depends on what else the machine does. The start of Python and the import of libraries are not counted.

Needs Polars and pandas. The capture for `convert` is made here: one packet per flow, of both protocols.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FIELDS = "first,src_addr,dst_addr,dst_port,in_bytes"
OLD = Path(__file__).resolve().parents[1] / "docs/python"

PRELUDE = """
import io, json, os, resource, subprocess, sys
sys.path.insert(0, {old!r})
import nfdecode, old_script
import polars as pl
def cpu():
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
def output(*words):
    return subprocess.run(words, capture_output=True, check=True).stdout
begun = cpu()
{code}
print(cpu() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""

COLUMNS = {
    "nfdecode.read(…).to_polars()": "nfdecode.read({path!r}, fields={fields!r}).to_polars()",
    "nfdecode.scan_polars, pushed condition": (
        "nfdecode.scan_polars({path!r}).filter(pl.col('dst_port') == 443)"
        ".select({fields!r}.split(',')).collect()"
    ),
    "nfdecode.read(…).to_pandas()": "nfdecode.read({path!r}, fields={fields!r}).to_pandas()",
    "nfdecode.read(…), addresses as text": (
        "nfdecode.read({path!r}, fields={fields!r}, addresses='text').to_polars()"
    ),
    "nfdump -o csv:… (five columns) + Polars": (
        "pl.read_csv(output({nfdump!r}, '-q', '-r', {path!r}, '-o', 'csv:%tfs,%sa,%da,%dp,%ibyt'), "
        "infer_schema_length=0)"
    ),
    "nfdump -o csv + Polars": (
        "pl.read_csv(output({nfdump!r}, '-q', '-r', {path!r}, '-o', 'csv'), infer_schema_length=0, "
        "truncate_ragged_lines=True)"
    ),
    "nfdump -o ndjson + Polars": "pl.read_ndjson(output({nfdump!r}, '-q', '-r', {path!r}, '-o', 'ndjson'))",
}

DICTS = {
    "nfdecode.convert(…)": "nfdecode.convert({capture!r}, nfpcapd={nfpcapd!r})",
    "the script of docs/python/old_script.py": "old_script.convert({capture!r}, {nfdump!r}, {nfpcapd!r})",
    "nfpcapd alone, as the script runs it": (
        "import tempfile\nwith tempfile.TemporaryDirectory() as place:\n"
        "    output({nfpcapd!r}, '-r', {capture!r}, '-w', place)"
    ),
    "nfpcapd alone, as nfdecode runs it": (
        "import tempfile\nwith tempfile.TemporaryDirectory() as place:\n"
        "    output({nfpcapd!r}, '-t', '300', '-o', 'fat', '-r', {capture!r}, '-w', place)"
    ),
}


def run(code: str, values: dict[str, str]) -> tuple[float, int]:
    """CPU seconds and MiB of one way."""
    program = PRELUDE.format(old=str(OLD), code=code.format(**values))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{code}\n{done.stderr}")
    seconds, mib = done.stdout.split()[-2:]
    return float(seconds), int(mib)


def compare(title: str, ways: dict[str, str], values: dict[str, str], rounds: int) -> dict[str, float]:
    """Medians of interleaved rounds, printed with their ratio to the first way."""
    taken: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, code in ways.items():
            taken[name].append(run(code, values))
    medians = {name: statistics.median(seconds for seconds, _ in found) for name, found in taken.items()}
    first = next(iter(medians.values()))
    print(f"\n{title}\n\n| way | CPU | ratio | memory |\n|---|---|---|---|")
    for name, median in medians.items():
        mib = statistics.median(mib for _, mib in taken[name])
        print(f"| `{name}` | {median:.2f} s | {median / first:.1f} | {mib:.0f} MiB |")
    return medians


def capture(path: Path, flows: int) -> None:
    """A capture of this many flows within ten minutes: one packet each, TCP and UDP in turn."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(flows):
            protocol = 6 if number % 2 else 17
            ports = struct.pack(">HH", 1024 + number % 60_000, 53 if protocol == 17 else 443)
            if protocol == 6:
                payload = ports + struct.pack(">IIBBHHH", number, 0, 5 << 4, 2, 1024, 0, 0)
            else:
                payload = ports + struct.pack(">HH", 8 + 32, 0) + bytes(32)
            address = lambda net, host: bytes([net, host >> 16 & 255, host >> 8 & 255, host & 255])  # noqa: E731
            header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0, 64, protocol, 0)
            packet = header + address(10, number) + address(172, number // 7) + payload
            frame = bytes(12) + b"\x08\x00" + packet
            seconds, micros = divmod(number * 600_000_000 // flows, 1_000_000)
            out.write(struct.pack("<IIII", 1_767_225_600 + seconds, micros, len(frame), len(frame)) + frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", metavar="FLOWS")
    parser.add_argument("--nfdump", default="nfdump")
    parser.add_argument("--nfpcapd", default="nfpcapd")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--flows", type=int, default=100_000)
    arguments = parser.parse_args()
    os.environ["TZ"] = "UTC"
    values = {
        "path": str(Path(arguments.path).resolve()),
        "nfdump": arguments.nfdump,
        "nfpcapd": arguments.nfpcapd,
        "fields": FIELDS,
    }
    compare("Five columns of a large file", COLUMNS, values, arguments.rounds)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "many.pcap")
        capture(path, arguments.flows)
        values["capture"] = str(path)
        title = f"A capture of {arguments.flows} flows as dictionaries"
        found = compare(title, DICTS, values, arguments.rounds)
        new, old, plain, ours = found.values()
        print(f"\nwithout nfpcapd's own time: {(old - plain) / max(new - ours, 1e-9):.1f} times")
        many = [values["path"]] * 10
        seconds, mib = run(f"for batch in nfdecode.read({many!r}, fields={{fields!r}}).batches(): pass", values)
        print(f"\nten times that file, streamed: {seconds:.2f} s, {mib} MiB at most")


if __name__ == "__main__":
    main()
