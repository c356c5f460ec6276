"""The build backend of the package: maturin, after the program `nfdecode` has been built for the wheel.

`NFDECODE_BUNDLE` is the path of a program to put into the wheel instead, or `none` for a wheel without a program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import maturin
from maturin import (  # noqa: F401
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)

PACKAGE = Path(__file__).resolve().parent.parent
SCRIPTS = PACKAGE / "nfdecode.data" / "scripts"


def bundle() -> None:
    """Puts the program where maturin finds it, stripped."""
    shutil.rmtree(SCRIPTS.parent, ignore_errors=True)
    SCRIPTS.mkdir(parents=True)
    given = os.environ.get("NFDECODE_BUNDLE")
    workspace = PACKAGE.parent
    if given == "none" or not (given or (workspace / "cli" / "Cargo.toml").is_file()):
        return
    if given is None:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "nfdecode-cli"], cwd=workspace, check=True)
        target = Path(os.environ.get("CARGO_TARGET_DIR", workspace / "target"))
        given = str(target / "release" / "nfdecode")
    program = SCRIPTS / "nfdecode"
    shutil.copy(given, program)
    if strip := shutil.which("strip"):
        subprocess.run([strip, str(program)], check=True)


def prepare_metadata_for_build_wheel(directory: str, settings: Any = None) -> str:
    """maturin expects the folder of the program, which a fresh checkout does not have."""
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    return maturin.prepare_metadata_for_build_wheel(directory, settings)


def prepare_metadata_for_build_editable(directory: str, settings: Any = None) -> str:
    """As `prepare_metadata_for_build_wheel`."""
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    return maturin.prepare_metadata_for_build_editable(directory, settings)


def build_sdist(directory: str, settings: Any = None) -> str:
    """A source archive, without a program."""
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    return maturin.build_sdist(directory, settings)


def build_wheel(directory: str, settings: Any = None, metadata: str | None = None) -> str:
    """A wheel with the program."""
    bundle()
    return maturin.build_wheel(directory, settings, metadata)


def build_editable(directory: str, settings: Any = None, metadata: str | None = None) -> str:
    """As `build_wheel`, for `pip install -e`."""
    bundle()
    return maturin.build_editable(directory, settings, metadata)


if __name__ == "__main__":
    bundle()
