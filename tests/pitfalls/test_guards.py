"""Each pitfall's guard is taken out of a copy of the package once, and its test then fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.soak import SoakReport
from tests.pitfalls.guards import GUARDS, Guard

CHECKOUT = Path(__file__).parents[2]
PASSED, FAILED = 0, 1  # exit codes of pytest; others mean that it could not run


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("guards") / "src"
    shutil.copytree(CHECKOUT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def without(package: Path, guard: Guard) -> Iterator[Path]:
    before: dict[Path, str] = {}
    try:
        for module, there, instead in guard.edits:
            path = package / "safehold" / module
            text = path.read_text("utf-8")
            before.setdefault(path, text)
            assert text.count(there) == 1, f"{module} has {text.count(there)} times {there!r}"
            path.write_text(text.replace(there, instead), "utf-8")
        yield package
    finally:
        for path, text in before.items():
            path.write_text(text, "utf-8")


def run_tests(source: Path, guard: Guard) -> subprocess.CompletedProcess[str]:
    (test,) = Path(__file__).parent.glob(f"test_{guard.number:02}_*.py")
    options = [
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not soak and not real",
        *(["-k", guard.test] if guard.test else []),
    ]
    environment = os.environ | {
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SAFEHOLD_BUDGET_FACTOR": "100",
    }
    command = [sys.executable, "-m", "pytest", *options, str(test.relative_to(CHECKOUT))]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)


@pytest.mark.soak
@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_without_its_guard_a_pitfalls_test_fails(without: Path, guard: Guard) -> None:
    ended = run_tests(without, guard)
    assert ended.returncode == FAILED, ended.stdout[-2000:] + ended.stderr[-1000:]


@pytest.mark.soak
@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_with_its_guard_it_passes(package: Path, guard: Guard) -> None:
    ended = run_tests(package, guard)
    assert ended.returncode == PASSED, ended.stdout[-2000:] + ended.stderr[-1000:]


@pytest.mark.soak
def test_the_guards_are_those_of_many_pitfalls(soak_report: SoakReport) -> None:
    numbers = sorted({guard.number for guard in GUARDS})
    soak_report(
        "guards of pitfalls taken out, each seen to be missed", f"{len(GUARDS)} guards of pitfalls {numbers}"
    )
    assert {22, 23, 24, 25, 26} <= set(numbers)
