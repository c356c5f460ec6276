"""The examples of the documentation, as they are printed."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ARCHIVE, OFFICE, ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files that examples name."""
    shutil.copytree(ARCHIVE, tmp_path / "flows", ignore=shutil.ignore_patterns("*.md", "*.sh"))
    shutil.copy(OFFICE, tmp_path / "office.pcap")
    shutil.copy(OFFICE, tmp_path / "capture.pcap")
    for name in ["broken", "nfcapd.202601011200"]:
        shutil.copy(ARCHIVE / "nfcapd.202611241330", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(text: str, names: dict) -> int:
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    blocks = BLOCK.findall(text)
    for block in blocks:
        if block.startswith(">>>"):
            test = parser.get_doctest(block, names, "example", None, None)
            report: list[str] = []
            failed = runner.run(test, out=report.append, clear_globs=False).failed
            names.update(test.globs)
            assert not failed, "".join(report)
        else:
            exec(compile(block, "example", "exec"), names)
    return len(blocks)


@pytest.mark.usefixtures("nfpcapd")
def test_the_guide(place):
    pytest.importorskip("duckdb"), pytest.importorskip("polars"), pytest.importorskip("pandas")
    names: dict = {}
    assert run((ROOT / "docs/python.md").read_text(), names) >= 12
    assert names["inside"] > 0 and names["top"].height > 0 and names["ports"] and len(names["points"]) > 10
    assert names["verdicts"] == ["intact"] * 3 and names["described"]["flows"] == 113


@pytest.mark.usefixtures("nfpcapd")
def test_the_page_of_the_registry(place):
    pytest.importorskip("duckdb"), pytest.importorskip("polars"), pytest.importorskip("pandas")
    text = (ROOT / "python/README.md").read_text()
    text = text.replace("/flows/2026/01", "flows").replace("/flows", "flows").replace(', last="24h"', "")
    assert run(text, {}) == 3


@pytest.mark.usefixtures("nfpcapd")
def test_the_walk_through_makes_the_picture(tmp_path):
    pytest.importorskip("matplotlib"), pytest.importorskip("polars")
    picture = tmp_path / "traffic.svg"
    script = ROOT / "docs/python/walkthrough.py"
    environment = {**os.environ, "HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, script, OFFICE, picture], capture_output=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert b"25 intervals" in done.stdout

    def bars(path: Path) -> int:
        return path.read_text().count('id="patch_')

    assert bars(picture) == bars(ROOT / "docs/python/traffic.svg") > 50


@pytest.mark.usefixtures("nfpcapd")
def test_the_old_script_gives_the_same_flows_with_fewer_members():
    sys.path.insert(0, str(ROOT / "docs/python"))
    import old_script

    import nfdecode

    nfdump = os.environ.get("NFDECODE_ORACLE", "") + "/1.7.10/usr/bin/nfdump"
    if not os.path.exists(nfdump):
        pytest.skip("nfdump 1.7.10 is not at hand")
    old, new = old_script.convert(str(OFFICE), nfdump), nfdecode.convert(OFFICE)
    assert list(old) == list(new)
    for name, flows in new.items():
        for flow, other in zip(flows, old[name], strict=True):
            flow.pop("received"), other.pop("received")
            assert flow.items() >= other.items()
