"""Speed and memory of SQL beside nfdump, and DuckDB over Parquet of the same flows.

    python benches/sql.py FLOWS [--many DIRECTORY] [--month DIRECTORY] [--duckdb PYTHON] [--rounds 5] [--threads 1,2]

FLOWS is an nfcapd file, DIRECTORY holds files of five minutes each; `benches/compare` makes all of them (`make`,
`make-slots`). Every question is asked in turn with all programs, round after round, each time by a new process. Wall time
is the median of the rounds, and so are user and system time of all threads; memory is the most that any run had.

nfdump runs with `-W 1` on all cores, where it uses two threads, and on one core. DuckDB is asked by the Python that is named, over
a Parquet file that `nfdecode read -f parquet` makes beside the data; the start of Python and of DuckDB is not counted.
Before the rounds, numbers that DuckDB and nfdecode-sql find are compared.

Of the month a process asks which files have five minutes, once and eleven times: the first query opens all files, the
others know them.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

NETWORK = "src_addr >= '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xFF\\xFF\\x0A\\x00\\x00\\x00'::BLOB AND " \
    "src_addr <= '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xFF\\xFF\\x0A\\xFF\\xFF\\xFF'::BLOB"

# What is asked, in SQL, of nfdump, and in SQL of DuckDB where that is another one. `flows` is the table.
QUESTIONS = [
    ("`count(*)`", "SELECT count(*) FROM flows", ["-o", "null"], None),
    (
        "top 10 `src_addr` by bytes",
        "SELECT src_addr, sum(in_bytes) AS bytes, count(*) FROM flows GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
        ["-s", "srcip/bytes", "-n", "10"],
        None,
    ),
    (
        "`dst_port = 53`, count and sum",
        "SELECT count(*), sum(in_bytes) FROM flows WHERE dst_port = 53",
        ["-o", "null", "dst port 53"],
        None,
    ),
    (
        "minima and sums of five columns",
        "SELECT min(first), max(src_addr), max(dst_addr), min(dst_port), sum(in_bytes) FROM flows",
        None,
        None,
    ),
    (
        "top 10 of `proto, dst_port`",
        "SELECT proto, dst_port, count(*), sum(in_bytes) FROM flows GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2 LIMIT 10",
        ["-A", "proto,dstport", "-O", "bytes", "-n", "10"],
        None,
    ),
    (
        "top 10 of `src_addr, dst_port`",
        "SELECT src_addr, dst_port, count(*), sum(in_bytes) FROM flows GROUP BY 1, 2 ORDER BY 4 DESC LIMIT 10",
        ["-A", "srcip,dstport", "-O", "bytes", "-n", "10"],
        None,
    ),
    (
        "`in_net(src_addr, '10.0.0.0/8')`, count and sum",
        "SELECT count(*), sum(in_bytes) FROM flows WHERE in_net(src_addr, '10.0.0.0/8')",
        ["-o", "null", "src net 10.0.0.0/8"],
        f"SELECT count(*), sum(in_bytes) FROM flows WHERE {NETWORK}",
    ),
]

DUCKDB = """
import resource, sys, time
import duckdb
path, threads, query = sys.argv[1:]
session = duckdb.connect(config={"threads": int(threads)})
session.execute(f"CREATE VIEW flows AS SELECT * FROM read_parquet('{path}')")
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
wall, begun = time.perf_counter(), cpu()
rows = session.execute(query).fetchall()
print(time.perf_counter() - wall, cpu() - begun)
for row in rows:
    print(*[value for value in row if isinstance(value, (int, float))], sep=",")
"""


@dataclass
class Contestant:
    """A way to ask, and what it took."""

    name: str
    command: list[str]
    # Whether the process prints its times itself.
    times_itself: bool = False
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    kibibytes: int = 0

    def run(self, counts: bool = True) -> str:
        """Runs it once; returns its output."""
        begun = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout and process.stderr
        output = process.stdout.read()
        message = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(self.command)}: status {process.returncode}\n{message}")
        cpu = used.ru_utime + used.ru_stime
        if self.times_itself:
            wall, cpu = map(float, output.split("\n", 1)[0].split())
        if counts:
            self.wall.append(wall)
            self.cpu.append(cpu)
            self.kibibytes = max(self.kibibytes, used.ru_maxrss)
        return output


def numbers(text: str) -> list[list[float]]:
    """The cells of CSV that are numbers."""

    def all_of(row: list[str]) -> list[float]:
        found = []
        for cell in row:
            try:
                found.append(float(cell))
            except ValueError:
                continue
        return found

    return [row for row in map(all_of, csv.reader(text.splitlines())) if row]


class Programs:
    """The programs, and how each is asked."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.threads = [int(count) for count in arguments.threads.split(",")]

    def sql(self, path: Path, threads: int | None, query: str) -> Contestant:
        limit = ["--threads", str(threads)] if threads else []
        name = f"SQL, {threads} thr." if threads else "SQL"
        return Contestant(name, [self.arguments.sql, *limit, "-f", "csv", str(path), query])

    def nfdump(self, path: Path, words: list[str], is_pinned: bool) -> Contestant:
        source = ["-R" if path.is_dir() else "-r", str(path)]
        # Without the files that it looks for on the machine.
        command = [self.arguments.nfdump, "-W", "1", "-C", "none", "-G", "none", "-q", *source, *words]
        if is_pinned:
            return Contestant("nfdump, one core", ["taskset", "-c", "0", *command])
        return Contestant("nfdump", command)

    def duckdb(self, path: Path, threads: int, query: str) -> Contestant:
        command = [self.arguments.duckdb, "-c", DUCKDB, str(path), str(threads), query]
        return Contestant(f"DuckDB, {threads} thr.", command, times_itself=True)

    def parquet(self, path: Path) -> Path:
        """A Parquet file of the same flows, beside them."""
        made = path.with_name(path.name + ".parquet")
        if not made.exists():
            command = [self.arguments.nfdecode, "read", "-q", "-f", "parquet", "-o", str(made), str(path)]
            subprocess.run(command, check=True)
        return made


def shown(values: list[float]) -> str:
    return f"{statistics.median(values):.3f}"


def questions(programs: Programs, path: Path, rounds: int) -> None:
    """Asks everything of a file or a directory, and prints tables."""
    table: list[list[Contestant]] = []
    lake = programs.parquet(path) if programs.arguments.duckdb else None
    for _, query, words, other in QUESTIONS:
        ways = []
        if words is not None:
            ways += [programs.nfdump(path, words, True), programs.nfdump(path, words, False)]
        ways += [programs.sql(path, threads, query) for threads in programs.threads]
        if lake:
            ways += [programs.duckdb(lake, threads, other or query) for threads in programs.threads]
            ours = [way for way in ways if way.name.startswith("SQL")]
            theirs = [way for way in ways if way.times_itself]
            found = {str(numbers(way.run(counts=False))) for way in ours}
            found |= {str(numbers(way.run(counts=False).split("\n", 1)[1])) for way in theirs}
            if len(found) != 1:
                sys.exit(f"{query}: answers differ: {found}")
        else:
            for way in ways:
                way.run(counts=False)
        table.append(ways)
    for _ in range(rounds):
        for ways in table:
            for way in ways:
                way.run()
    names = list(dict.fromkeys(way.name for ways in table for way in ways))
    print(f"\n{path.name}: seconds, wall / processor\n")
    print("| | " + " | ".join(names) + " | against nfdump on one core, 1 thr. | against nfdump, 2 thr. |")
    print("|---|" + "--:|" * (len(names) + 2))
    for (title, *_), ways in zip(QUESTIONS, table):
        by_name = {way.name: way for way in ways}
        cells = [
            f"{shown(way.wall)} / {shown(way.cpu)}" if (way := by_name.get(name)) else "" for name in names
        ]

        def ratio(other: str, own: str) -> str:
            if other not in by_name or own not in by_name:
                return ""
            return f"{statistics.median(by_name[other].wall) / statistics.median(by_name[own].wall):.1f} ×"

        ratios = [ratio("nfdump, one core", "SQL, 1 thr."), ratio("nfdump", "SQL, 2 thr.")]
        print(f"| {title} | " + " | ".join([*cells, *ratios]) + " |")
    print(f"\n{path.name}: the most memory, MiB\n")
    print("| | " + " | ".join(names) + " |\n|---|" + "--:|" * len(names))
    for (title, *_), ways in zip(QUESTIONS, table):
        by_name = {way.name: way for way in ways}
        cells = [str(way.kibibytes // 1024) if (way := by_name.get(name)) else "" for name in names]
        print(f"| {title} | " + " | ".join(cells) + " |")


def month(programs: Programs, path: Path, rounds: int) -> None:
    """Five minutes of a month: which files, asked once and again; the answer; and all flows."""
    few = (
        "SELECT count(*) FROM flows WHERE first >= '2026-01-15T12:00:00Z' AND first < '2026-01-15T12:05:00Z'"
    )
    every = "SELECT count(*) FROM flows"
    ways = {
        "no file: `SELECT 1`": Contestant("", [programs.arguments.sql, "SELECT 1"]),
        "files of five minutes (`EXPLAIN`)": programs.sql(path, None, f"EXPLAIN {few}"),
        "the same eleven times": programs.sql(path, None, "; ".join([f"EXPLAIN {few}"] * 11)),
        "flows of five minutes": programs.sql(path, None, few),
        "`count(*)` of all": programs.sql(path, None, every),
        "`count(*)` of all, `--trust-statistics`": programs.sql(path, None, every),
        "nfdump, flows of five minutes": programs.nfdump(
            path, ["-o", "null", "-t", "2026/01/15.12:00:00-2026/01/15.12:05:00"], False
        ),
    }
    ways["`count(*)` of all, `--trust-statistics`"].command.insert(1, "--trust-statistics")
    for way in ways.values():
        way.run(counts=False)
    for _ in range(rounds):
        for way in ways.values():
            way.run()
    files = sum(1 for _ in path.iterdir())
    print(f"\n{path.name}, {files} files: seconds\n\n| | wall | processor | memory, MiB |\n|---|--:|--:|--:|")
    for name, way in ways.items():
        print(f"| {name} | {shown(way.wall)} | {shown(way.cpu)} | {way.kibibytes // 1024} |")
    once, often = ways["files of five minutes (`EXPLAIN`)"], ways["the same eleven times"]
    later = [(b - a) / 10 for a, b in zip(once.wall, often.wall)]
    later_cpu = [(b - a) / 10 for a, b in zip(once.cpu, often.cpu)]
    print(f"| each of the ten later ones | {shown(later)} | {shown(later_cpu)} | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", metavar="FLOWS", type=Path, nargs="?")
    parser.add_argument("--many", type=Path, help="a directory with many flows in many files")
    parser.add_argument("--month", type=Path, help="a directory with a file for each five minutes of a month")
    parser.add_argument("--sql", default="sql/target/release/nfdecode-sql")
    parser.add_argument("--nfdecode", default="target/release/nfdecode")
    parser.add_argument("--nfdump", default="nfdump")
    parser.add_argument("--duckdb", metavar="PYTHON", help="a Python that has the package duckdb")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    os.environ["TZ"] = "UTC"
    programs = Programs(arguments)
    for path in filter(None, [arguments.path, arguments.many]):
        questions(programs, path, arguments.rounds)
    if arguments.month:
        month(programs, arguments.month, arguments.rounds)


if __name__ == "__main__":
    main()
