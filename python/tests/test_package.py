"""The package as installed: types, wheel, size, import time, linked libraries, program."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nfdecode

PACKAGE = Path(__file__).resolve().parents[1]


def test_stubs_are_those_of_the_compiled_part():
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy.stubtest", "--mypy-config-file", PACKAGE / "pyproject.toml", "nfdecode._nfdecode"]
    done = subprocess.run(command, capture_output=True, cwd="/", timeout=300)
    assert done.returncode == 0, done.stdout.decode()


def test_types_are_strict():
    pytest.importorskip("mypy")
    where = Path(nfdecode.__file__).parent
    command = [sys.executable, "-m", "mypy", "--config-file", PACKAGE / "pyproject.toml", "-p", "nfdecode"]
    # Elsewhere than beside the installed packages, which mypy would take for sources.
    done = subprocess.run(command, capture_output=True, cwd="/", timeout=300)
    assert done.returncode == 0, done.stdout.decode()
    assert (where / "py.typed").exists()


def test_everything_is_documented():
    for name in nfdecode.__all__:
        if not name.startswith("_"):
            assert getattr(nfdecode, name).__doc__, name
    for name, method in vars(nfdecode.Flows).items():
        if not name.startswith("_"):
            assert method.__doc__, name
    assert nfdecode.Filter.explain.__doc__


def test_import_takes_15_ms():
    """CPU time beside that of modules that most programs have imported: the median of 15."""
    code = (
        "import re, glob, warnings, datetime, ipaddress, typing, time; a = time.process_time(); "
        "import nfdecode; print(time.process_time() - a)"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"]
    taken = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(15)]
    assert statistics.median(taken) <= 0.015, taken


def test_nothing_heavy_is_imported():
    code = "import sys, nfdecode; print(sorted({'numpy', 'pyarrow', 'polars', 'pandas', 'duckdb'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def wheels() -> list[Path]:
    """The wheels of NFDECODE_WHEELS, as the step of CI builds them."""
    found = os.environ.get("NFDECODE_WHEELS")
    if not found:
        pytest.skip("NFDECODE_WHEELS is not set")
    return sorted(Path(found).glob("*.whl"))


def test_the_wheel_is_abi3_and_manylinux():
    names = [wheel.name for wheel in wheels()]
    assert names
    for name in names:
        assert "-cp310-abi3-manylinux_" in name, name
    if os.environ.get("NFDECODE_ZIG"):
        assert any("manylinux_2_28" in name for name in names), names


def test_the_wheel_holds_the_program_and_no_more_than_8_mb():
    for wheel in wheels():
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            program = [entry for entry in archive.infolist() if entry.filename.endswith("/scripts/nfdecode")]
            assert program and program[0].external_attr >> 16 & 0o111
            assert {"nfdecode/py.typed", "nfdecode/_nfdecode.pyi", "nfdecode/_nfdecode.abi3.so"} <= set(names)
            metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
        assert required and all("extra ==" in line for line in required), "no run-time dependencies"
        without = wheel.stat().st_size - program[0].compress_size
        # The bounds are those of a published wheel, which is built with link-time optimisation.
        if not os.environ.get("NFDECODE_UNOPTIMIZED"):
            assert wheel.stat().st_size <= 8_000_000
            assert without <= 3_000_000


def test_only_system_libraries_are_linked():
    library = next(Path(nfdecode.__file__).parent.glob("_nfdecode*.so"))
    done = subprocess.run(["readelf", "-d", library], capture_output=True, check=True)
    lines = [line for line in done.stdout.decode().splitlines() if "(NEEDED)" in line]
    needed = {line.split("[")[1].rstrip("]") for line in lines}
    known = {"libc.so.6", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"}
    assert needed <= known, needed


def test_the_program_is_of_the_same_version(run):
    assert nfdecode.__version__ in run("--version").decode()
