"""Shared by all tests: fixtures of the repository, the program, large files, damaged files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nfdecode

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / "tests/fixtures/archive"
ROUTER = ROOT / "tests/fixtures/router/nfcapd.202601010000"
OFFICE = ROOT / "tests/fixtures/captures/office.pcap"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of the program and of dictionaries are in one zone."""
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture(scope="session")
def program() -> str:
    """The program that came with the wheel, or the one of NFDECODE_PROGRAM."""
    beside = Path(sys.executable).with_name("nfdecode")
    found = os.environ.get("NFDECODE_PROGRAM") or (str(beside) if beside.exists() else shutil.which("nfdecode"))
    if not found:
        pytest.fail("the program nfdecode is not installed: set NFDECODE_PROGRAM")
    return found


@pytest.fixture(scope="session")
def run(program: str):
    """Standard output of the program."""

    def run(*arguments: object, status: int = 0) -> bytes:
        words = [program, *map(str, arguments)]
        done = subprocess.run(words, capture_output=True, env={**os.environ, "TZ": "UTC"}, timeout=120)
        assert done.returncode == status, done.stderr.decode()
        return done.stdout

    return run


@pytest.fixture(scope="session")
def nfpcapd() -> str:
    """nfpcapd; without it conversions cannot be tested."""
    found = shutil.which("nfpcapd")
    if not found:
        if os.environ.get("NFDECODE_REQUIRE_DATA"):
            pytest.fail("nfpcapd is not installed")
        pytest.skip("nfpcapd is not installed")
    return found


@pytest.fixture(scope="session")
def many() -> list[Path]:
    """So many inputs that a read of all takes many seconds: the same file again and again."""
    return [ROUTER] * 30_000


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A file with one damaged block among others, made by `rewrite` of several files."""
    path = tmp_path / "nfcapd.202601010005"
    nfdecode.rewrite([ROUTER, ROUTER, ROUTER], path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    for at in range(middle, middle + 64):
        content[at] ^= 0xFF
    path.write_bytes(content)
    return path


@pytest.fixture
def truncated(tmp_path: Path) -> Path:
    """A file that ends too early."""
    path = tmp_path / "nfcapd.202601010010"
    content = ROUTER.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return path
