"""From a capture to a picture: a walk through the Python package, in cells as notebooks have them.

    python docs/python/walkthrough.py tests/fixtures/captures/office.pcap docs/python/traffic.svg

Needs nfpcapd, Polars and matplotlib.
"""

# %% A capture is a dictionary: file name -> list of flows, with nfdump's keys.
import sys

import nfdecode

capture, picture = sys.argv[1:]
flows = nfdecode.convert(capture, tz="UTC")
for name, rows in flows.items():
    print(f"{name}: {len(rows)} flows, {sum(flow['in_bytes'] for flow in rows)} bytes")

# %% The same as columns: a Polars frame, with addresses as text.
import polars as pl

frame = pl.DataFrame(nfdecode.convert_arrow(capture, addresses="text"))
print(frame.select("first", "src_addr", "dst_addr", "dst_port", "in_bytes").head(3))

# %% Who sent most?
top = (
    frame.group_by("src_addr")
    .agg(pl.len().alias("flows"), pl.col("in_bytes").sum().alias("bytes"))
    .sort("bytes", "src_addr", descending=[True, False])
    .head(5)
)
print(top)

# %% Bytes over time, by protocol. The repository has nfcapd files of the same capture; an archive of months works alike.
import pathlib

archive = pathlib.Path(capture).parent.parent / "archive"
points = nfdecode.series(archive, every="30s", split="proto")
busiest = nfdecode.top(archive, "dst_port", filter="proto tcp", n=3)
print([(group["dst_port"], group["bytes"]) for group in busiest])

# %% The picture.
import matplotlib

matplotlib.use("svg")
# The same file on every run.
matplotlib.rcParams.update({"svg.hashsalt": "nfdecode", "svg.fonttype": "none"})
import matplotlib.pyplot as plt

names = {"1": "ICMP", "6": "TCP", "17": "UDP", "58": "ICMPv6"}
protocols = sorted({point["proto"] for point in points if point["proto"]}, key=int)
times = sorted({point["time"] for point in points})
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
bottom = [0] * len(times)
for protocol in protocols:
    known = {point["time"]: point["bytes"] for point in points if point["proto"] == protocol}
    heights = [known.get(time, 0) / 1000 for time in times]
    axes.bar(times, heights, width=1 / 3000, bottom=bottom, label=names.get(protocol, protocol))
    bottom = [below + height for below, height in zip(bottom, heights)]
axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
axes.set(title="Traffic of the shipped capture", ylabel="kB in 30 s", xlabel="UTC")
axes.set_ylim(0, max(bottom) * 1.25)
axes.legend(frameon=False, ncols=4, loc="upper center")
for side in ("top", "right"):
    axes.spines[side].set_visible(False)
figure.savefig(picture, metadata={"Date": None})
print(f"{picture}: {len(times)} intervals")
