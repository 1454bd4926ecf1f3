"""Mutation of a module's lines: each change that no test notices is told.

    python -m tools.mutate src/safehold/store/trees/diff.py tests/store/trees/test_diff.py --seconds 300

Works on a copy of the package. Changes comparisons, `and` and `or`, `not`, numbers, and takes statements out
that only do something. A survivor is a question: is a test missing, or does the line not matter?
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
SWAPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
MOST_SECONDS = 120.0  # a run of the tests; longer is as good as failed


@dataclass(frozen=True, slots=True)
class Mutant:
    line: int
    before: str
    after: str
    source: str  # the whole module


def mutants(source: str) -> Iterator[Mutant]:
    for node in ast.walk(ast.parse(source)):
        changed = _changed(node)
        if changed is not None and isinstance(node, ast.expr | ast.stmt):
            yield _put_in_place(source, node, changed)


def _changed(node: ast.AST) -> str | None:
    """What stands there instead, None for what is left alone."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        swapped = ast.Compare(node.left, [SWAPS[type(node.ops[0])](), *node.ops[1:]], node.comparators)
        return f"({ast.unparse(swapped)})"
    if isinstance(node, ast.BoolOp):
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        return f"({ast.unparse(ast.BoolOp(other, node.values))})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"({ast.unparse(node.operand)})"
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return str(node.value + 1)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return "pass"
    return None


def _put_in_place(source: str, node: ast.expr | ast.stmt, changed: str) -> Mutant:
    lines = source.encode().splitlines(keepends=True)  # columns count bytes
    last = (node.end_lineno or node.lineno) - 1
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[:last])) + (node.end_col_offset or 0)
    data = b"".join(lines)
    before = data[start:end].decode()
    return Mutant(node.lineno, before, changed, (data[:start] + changed.encode() + data[end:]).decode())


def is_noticed(package: Path, tests: Sequence[str]) -> bool:
    environment = os.environ | {
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SAFEHOLD_BUDGET_FACTOR": "100",
    }
    options = ("-q", "-x", "-p", "no:cacheprovider", "-m", "not soak and not real and not slow")
    command = [sys.executable, "-m", "pytest", *options, *tests]
    try:
        ended = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, timeout=MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--lines", default="1-100000", help="of the module, as 20-40")
    parser.add_argument("--seconds", type=float, default=300.0, help="no further mutant after so long")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    first, _, last = asked.lines.partition("-")
    with tempfile.TemporaryDirectory(prefix="safehold-mutants-") as folder:
        package = Path(folder) / "src"
        shutil.copytree(CHECKOUT / "src", package, ignore=shutil.ignore_patterns("__pycache__"))
        place = package / asked.module.resolve().relative_to(CHECKOUT / "src")
        if is_noticed(package, asked.tests):
            print("The tests fail as it is.", file=sys.stderr)
            return 2
        found = [m for m in mutants(place.read_text("utf-8")) if int(first) <= m.line <= int(last)]
        random.Random(asked.seed).shuffle(found)
        return try_out(place, package, found, asked.tests, asked.seconds)


def try_out(place: Path, package: Path, found: list[Mutant], tests: Sequence[str], seconds: float) -> int:
    began, tried, survivors = time.monotonic(), 0, 0
    for mutant in found:
        if time.monotonic() - began > seconds:
            break
        place.write_text(mutant.source, "utf-8")
        tried += 1
        if not is_noticed(package, tests):
            survivors += 1
            print(
                f"{place.name}:{mutant.line}: nobody notices {mutant.before!r} -> {mutant.after!r}",
                flush=True,
            )
    print(f"{place.name}: {tried} of {len(found)} mutants tried, {survivors} survived", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
