"""What the tests in a browser share: checks, programs, and how the browser is started."""

import csv
import io
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Without these the browser looks for servers of its maker, and fails where there is no network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light"), "tablet": (820, "dark")}

passed = []


def check(what, condition, *shown):
    if not condition:
        raise SystemExit(f"FAILED: {what} {' '.join(map(str, shown))}")
    passed.append(what)


def run(*words, status=0):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, env={**os.environ, "TZ": "UTC"}, timeout=120)
    check(f"exit status of {pathlib.Path(words[0]).name} {words[1]}", done.returncode == status, words, done.returncode, done.stderr)
    return done.stdout


def watched(page):
    """What a page asks for from now on, and its errors; dialogs are errors."""
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append("dialog: " + dialog.message), dialog.dismiss()))
    return requests, errors


def test_looks(page, name, size, axe):
    """Nothing is wider than the screen, and the page is accessible."""
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    check(f"{name} {size}: nothing is wider than the screen", overflow <= 0, overflow)
    # The policy of the page would refuse it as an element; this way it is no part of the page.
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    details = [(one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary")) for one in found]
    check(f"{name} {size}: axe finds nothing", not found, json.dumps(details, indent=1))


def nfdump_rows(nfdump, source, statistic):
    """Flows, packets and bytes of the first groups of a statistic, as the reference counts them."""
    files = sorted(source.glob("nfcapd.2*"))
    out = run(nfdump, "-W", 1, "-C", "none", "-G", "none", "-R", f"{files[0]}:{files[-1].name}", "-s", f"{statistic}/bytes", "-n", 20, "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(out.split("\n\n")[0])))
    if not rows:
        raise SystemExit(f"FAILED: no rows of nfdump: {out}")
    keys = {key.lower(): key for key in rows[0]}
    number = lambda row, *names: int(next(row[keys[name]] for name in names if name in keys))
    return [(number(row, "fl", "flows"), number(row, "ipkt", "pkt", "packets"), number(row, "ibyt", "byt", "bytes")) for row in rows]
