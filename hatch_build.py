"""Builds the compiled parts: each `kernel.c`, with the C files beside it, becomes a `libkernel.so` there.

They make Safehold faster and are not needed for anything else: where there is no C compiler, it is told in
one line and everything goes on without them. Run as a script by tools/setup, as a hook when a wheel is made.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a script, without the build tools
    BuildHookInterface = object

ROOT = Path(__file__).parent
FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread")


def compiled_parts(root: Path) -> dict[Path, list[Path]]:
    """The C files of each folder that has a kernel.c."""
    folders = sorted(source.parent for source in root.glob("src/safehold/**/kernel.c"))
    return {folder: sorted(folder.glob("*.c")) for folder in folders}


def _changed(folder: Path) -> float:
    return max(source.stat().st_mtime for source in folder.glob("*.[ch]"))


def build(root: Path) -> list[Path]:
    """Every library that is missing or older than its source, built. Returns those that are there now."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    libraries = []
    for folder, sources in compiled_parts(root).items():
        library = folder / "libkernel.so"
        if not library.exists() or library.stat().st_mtime < _changed(folder):
            if shutil.which(compiler[0]) is None:
                print("No C compiler: Safehold runs without its compiled parts, slower.", file=sys.stderr)
                return libraries
            fresh = library.with_suffix(f".{os.getpid()}")
            subprocess.run([*compiler, *FLAGS, "-o", fresh, *sources, "-ldl"], check=True)
            fresh.replace(library)  # a process that has the old one open keeps it
        libraries.append(library)
    return libraries


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc, valid-type]
    """What hatchling calls before it makes a wheel, also for an installation that can be edited."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version
        if build(Path(self.root)):
            build_data["pure_python"] = False
            # Neither knows anything of Python's own interface: one build serves every version.
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


if __name__ == "__main__":
    build(ROOT)
