"""The compiled parts read whatever bytes there are under the compiler's watch over memory and arithmetic."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hatch_build
from tests.fixtures.soak import SoakReport

CHECKOUT = Path(__file__).parents[3]
WATCH = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1", "-fPIC", "-shared")
READERS = (
    *("tests/store/sealed/test_kernel.py", "tests/store/test_any_bytes.py", "tests/store/test_any_damage.py"),
    *("tests/store/sealed/test_frames_and_objects.py", "tests/connectors/files/test_folders.py"),
    *("tests/connectors/files/test_new_folders.py", "tests/connectors/files/test_taking.py"),
)


def runtime(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return str(Path(found.stdout.strip()).resolve())


def watched_copy(folder: Path) -> Path:
    """The package, its compiled parts built so that they end the process at the first wrong step."""
    copy = folder / "src"
    shutil.copytree(CHECKOUT / "src", copy)
    for place, sources in hatch_build.compiled_parts(folder).items():
        subprocess.run(["gcc", *WATCH, "-o", place / "libkernel.so", *sources, "-ldl"], check=True)
    return copy


def under_watch(source: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": str(source),
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libubsan.so')}",
        # Python leaves memory to the end of the process; that is no leak of ours.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "SAFEHOLD_BUDGET_FACTOR": "100",
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )


OVERRUN = """
#include <stdlib.h>
int overrun(int n) { char *room = malloc(8); room[n] = 1; int r = room[0]; free(room); return r; }
"""


@pytest.mark.soak
def test_the_compiled_parts_take_no_wrong_step_whatever_they_read(
    tmp_path: Path, soak_report: SoakReport
) -> None:
    assert hatch_build.build(CHECKOUT)
    copy = watched_copy(tmp_path)
    where = "import safehold.store.sealed.kernel as k; print(k.__file__, k.load() is not None)"
    assert under_watch(copy, "-c", where).stdout.split() == [
        str(copy / "safehold/store/sealed/kernel.py"),
        "True",
    ]
    options = ("-q", "-p", "no:cacheprovider", "-m", "not soak and not real")
    ended = under_watch(copy, "-m", "pytest", *options, *READERS)
    last = ended.stdout.strip().splitlines()[-1:]
    soak_report(
        "both kernel.c built with address,undefined sanitizers, fuzzed", f"{last}, exit {ended.returncode}"
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


@pytest.mark.soak
def test_the_watch_sees_a_write_past_the_end(tmp_path: Path) -> None:
    (tmp_path / "wrong.c").write_text(OVERRUN)
    library = tmp_path / "wrong.so"
    subprocess.run(["gcc", *WATCH, "-o", library, tmp_path / "wrong.c"], check=True)
    ended = under_watch(tmp_path, "-c", f"import ctypes; ctypes.CDLL({str(library)!r}).overrun(8)")
    assert ended.returncode != 0
    assert "runtime error" in ended.stderr or "heap-buffer-overflow" in ended.stderr
