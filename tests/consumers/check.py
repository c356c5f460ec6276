"""What pyarrow, Polars and DuckDB read of our Arrow and Parquet is what our NDJSON and nfdump's say.

    python3 check.py NFDECODE NFDUMP FLOWFILE...

Writes the flows of the files in every form, and compares for every column: how many values there
are, how many distinct ones, and their sum or a digest of all of them. The partitioned directory is
queried with a condition on the partition, and must not read the other partitions for it.
"""

import calendar
import collections
import hashlib
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.ipc
import pyarrow.parquet

# The columns that are compared, by how the text of NDJSON, whose key has the same name, is to be
# understood. Most other keys have columns as well (NSEL, latency, layer 2, TLS); those are left
# to tests/columns.rs. Places in a geo data base have none, and the MPLS stack has one for all its entries.
NUMBERS = """in_packets in_bytes proto icmp_type icmp_code src_port dst_port fwd_status src_tos input_snmp
output_snmp src_mask dst_mask direction dst_tos out_packets out_bytes aggr_flows src_vlan dst_vlan src_as dst_as
next_as prev_as export_sysid src_xlt_port dst_xlt_port ingress_vrf egress_vrf""".split()
ADDRESSES = """src4_addr dst4_addr src6_addr dst6_addr ip4_next_hop ip6_next_hop bgp4_next_hop
bgp6_next_hop ip4_router ip6_router src4_xlt_ip dst4_xlt_ip src6_xlt_ip dst6_xlt_ip""".split()
MACS = "in_src_mac out_dst_mac in_dst_mac out_src_mac".split()
TIMES = "first last received".split()
COLUMNS = NUMBERS + ADDRESSES + MACS + TIMES + ["tcp_flags", "type", "sampled"]
FLAGS = "CEUAPRSF"


def from_text(column, text):
    """A value of NDJSON as the column has it."""
    if column in NUMBERS:
        return int(text)
    if column in ADDRESSES:
        return ipaddress.ip_address(text).packed
    if column in MACS:
        return bytes.fromhex(text.replace(":", ""))
    if column in TIMES:
        date, time = text.split("T")
        seconds, millis = time.split(".")
        return seconds_of(date, seconds) * 1000 + int(millis)
    if column == "tcp_flags":
        return sum(0x80 >> at for at, letter in enumerate(text) if letter == FLAGS[at])
    if column == "sampled":
        return bool(text)
    return text


SECONDS = {}


def seconds_of(date, time):
    """Seconds since the epoch of a time in UTC."""
    if (date, time) not in SECONDS:
        numbers = [int(part) for part in date.split("-") + time.split(":")]
        SECONDS[date, time] = calendar.timegm((*numbers, 0, 0, 0))
    return SECONDS[date, time]


def digest(values):
    """Of a column: values, distinct values, and all of them in any order."""
    counts = collections.Counter(values)
    counts.pop(None, None)
    hashed = hashlib.sha256()
    for value, count in sorted(counts.items()):
        hashed.update(f"{value!r} {count}\n".encode())
    total = sum(value * count for value, count in counts.items()) if counts and isinstance(next(iter(counts)), int) else None
    return sum(counts.values()), len(counts), total, hashed.hexdigest()


def of_ndjson(text):
    columns = {column: [] for column in COLUMNS}
    flows = 0
    for line in text.splitlines():
        if not line.startswith(b"{"):
            continue
        flow = json.loads(line)
        flows += 1
        for column in COLUMNS:
            if column in flow:
                columns[column].append(from_text(column, flow[column]))
    return flows, {column: digest(values) for column, values in columns.items()}


def of_arrow(table):
    def values(column):
        if column not in table.column_names:
            return []
        array = table[column]
        if pyarrow.types.is_timestamp(array.type):
            array = array.cast(pyarrow.int64())
        return array.to_pylist()

    return table.num_rows, {column: digest(values(column)) for column in COLUMNS}


def of_polars(frame):
    def values(column):
        if column not in frame.columns:
            return []
        series = frame[column]
        if series.dtype.is_temporal():
            series = series.dt.epoch("ms")
        return series.to_list()

    return frame.height, {column: digest(values(column)) for column in COLUMNS}


def of_duckdb(connection, source):
    names = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]
    result = {}
    for column in COLUMNS:
        values = []
        if column in names:
            shown = f"epoch_ms({column})" if column in TIMES else column
            values = [row[0] for row in connection.execute(f"select {shown} from {source}").fetchall()]
        result[column] = digest(values)
    return connection.execute(f"select count(*) from {source}").fetchall()[0][0], result


def same(name, found, wanted):
    if found[0] != wanted[0]:
        sys.exit(f"{name}: {found[0]} flows instead of {wanted[0]}")
    for column in COLUMNS:
        if found[1][column] != wanted[1][column]:
            sys.exit(f"{name}, {column}: {found[1][column]} instead of {wanted[1][column]}")
    filled = sum(1 for count, *_ in found[1].values() if count)
    print(f"{name}: {found[0]} flows, {filled} columns with values, as it should be")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, env={**os.environ, "TZ": "UTC"}).stdout


def check(nfdecode, nfdump, files, folder):
    wanted = of_ndjson(run(nfdecode, "read", "-f", "ndjson", *files))
    if not wanted[0]:
        sys.exit("no flows to compare")
    compare_with_nfdump(of_ndjson(of_nfdump(nfdump, files)), wanted)

    every = ["--fields", "all"]
    path = {form: str(folder / f"flows.{form}") for form in ("arrow", "arrows", "parquet")}
    run(nfdecode, "read", "-f", "arrow", "-o", path["arrow"], *every, *files)
    pathlib.Path(path["arrows"]).write_bytes(run(nfdecode, "read", "-f", "arrow", *every, *files))
    run(nfdecode, "read", "-f", "parquet", "--bloom", "-o", path["parquet"], *every, *files)
    directory = folder / "flows"
    for _ in range(2):
        run(nfdecode, "read", "-f", "parquet", "--partition-by", "5m", "-o", str(directory), *every, *files)

    same("pyarrow, Arrow file", of_arrow(pyarrow.ipc.open_file(path["arrow"]).read_all()), wanted)
    same("pyarrow, Arrow stream", of_arrow(pyarrow.ipc.open_stream(path["arrows"]).read_all()), wanted)
    same("pyarrow, Parquet", of_arrow(pyarrow.parquet.read_table(path["parquet"])), wanted)
    dataset = pyarrow.dataset.dataset(directory, format="parquet", partitioning="hive")
    same("pyarrow, directory", of_arrow(dataset.to_table()), wanted)

    same("Polars, Arrow file", of_polars(polars.read_ipc(path["arrow"])), wanted)
    same("Polars, Arrow stream", of_polars(polars.read_ipc_stream(path["arrows"])), wanted)
    same("Polars, Parquet", of_polars(polars.read_parquet(path["parquet"])), wanted)
    scan = polars.scan_parquet(f"{directory}/**/*.parquet", hive_partitioning=True)
    same("Polars, directory", of_polars(scan.collect()), wanted)

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    same("DuckDB, Parquet", of_duckdb(connection, f"read_parquet('{path['parquet']}')"), wanted)
    table = pyarrow.ipc.open_file(path["arrow"]).read_all()
    connection.register("arrow_table", table)
    same("DuckDB, Arrow", of_duckdb(connection, "arrow_table"), wanted)
    source = f"read_parquet('{directory}/**/*.parquet', hive_partitioning = true)"
    same("DuckDB, directory", of_duckdb(connection, source), wanted)
    prune(connection, source, directory, dataset, scan)
    metadata(path["parquet"], files)


def of_nfdump(nfdump, files):
    """Its NDJSON; that of releases without it is made of their JSON."""
    usage = subprocess.run([nfdump, "-h"], capture_output=True, text=True)
    if "ndjson" in usage.stdout + usage.stderr:
        options = ["-W", "1", "-C", "none", "-G", "none", "-o", "ndjson"]
        return b"".join(run(nfdump, *options, "-r", file) for file in files)
    text = b"".join(run(nfdump, "-q", "-o", "json", "-r", file) for file in files).decode()
    # Arrays, or objects one after the other with commas here and there, depending on the release.
    objects = re.findall(r"\{[^{}]*\}", text)
    return b"".join(json.dumps(json.loads(found)).encode() + b"\n" for found in objects)


def compare_with_nfdump(theirs, ours):
    if theirs[0] != ours[0]:
        sys.exit(f"nfdump: {theirs[0]} flows instead of {ours[0]}")
    compared = [column for column in COLUMNS if theirs[1][column][0]]
    for column in compared:
        if theirs[1][column] != ours[1][column]:
            sys.exit(f"nfdump, {column}: {theirs[1][column]}, ours {ours[1][column]}")
    print(f"nfdump: {theirs[0]} flows, {len(compared)} columns the same")


def prune(connection, source, directory, dataset, scan):
    """A condition on the partition reads its files only."""
    files = [file.relative_to(directory) for file in directory.rglob("*.parquet")]
    slots = collections.Counter(file.parts[:3] for file in files)
    parts, of_one = min(slots.items(), key=lambda item: (item[1], item[0]))
    day, hour, minute = (part.split("=")[1] for part in parts)
    hour, minute = int(hour), int(minute)
    if of_one == len(files):
        sys.exit("all flows are in one partition: nothing to see of pruning")
    condition = f"day = '{day}' and hour = {hour} and minute = {minute}"
    start = f"'{day}'::timestamptz + interval {60 * hour + minute} minute"
    count = connection.execute(f"select count(*) from {source} where {condition}").fetchall()[0][0]
    whole = connection.execute(
        f"select count(*) from {source} where first >= {start} and first < {start} + interval 5 minute"
    ).fetchall()[0][0]
    plan = "".join(
        row[1] for row in connection.execute(f"explain analyze select sum(in_bytes) from {source} where {condition}").fetchall()
    )
    scanned = f"{of_one}/{len(files)}"
    if count != whole or not count:
        sys.exit(f"DuckDB: {count} flows in the partition, {whole} in those minutes")
    if scanned not in plan:
        sys.exit(f"DuckDB does not say that it reads {scanned} files:\n{plan}")
    field = pyarrow.dataset.field
    fragments = list(dataset.get_fragments((field("day") == day) & (field("hour") == hour) & (field("minute") == minute)))
    if len(fragments) != of_one:
        sys.exit(f"pyarrow reads {len(fragments)} files instead of {of_one}")
    slot = (polars.col("hour") == hour) & (polars.col("minute") == minute)
    one = scan.filter((polars.col("day").cast(polars.String) == day) & slot)
    if one.select(polars.len()).collect().item() != count:
        sys.exit("Polars finds other flows in the partition")
    print(f"one partition: {count} flows in {of_one} of {len(files)} files")


def metadata(path, files):
    found = pyarrow.parquet.ParquetFile(path).metadata
    sources = found.metadata[b"nfdecode.sources"].decode().split("\n")
    if sources != [pathlib.Path(file).name for file in files] or found.metadata[b"nfdecode.schema_version"] != b"1":
        sys.exit(f"metadata: {found.metadata}")
    names = found.schema.names
    for number in range(found.num_row_groups):
        group = found.row_group(number)
        first = group.column(names.index("first"))
        if group.sorting_columns[0].column_index != names.index("first") or not first.statistics.has_min_max:
            sys.exit("row groups are not marked as sorted, or have no statistics")
    for group in range(found.num_row_groups):
        times = pyarrow.parquet.ParquetFile(path).read_row_group(group, ["first"])["first"].cast(pyarrow.int64()).to_pylist()
        known = [time for time in times if time is not None]
        if known != sorted(known) or any(times[at] is None for at in range(len(times) - len(known), len(times))):
            sys.exit("a row group is not in order of time")
    print(f"metadata: {len(sources)} sources, {found.num_row_groups} row groups in order of time")


def main():
    nfdecode, nfdump, *files = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        check(nfdecode, nfdump, files, pathlib.Path(folder))


main()
