"""`make bench`: the same data, the same run, one after the other in turn; medians of several rounds.

Usage: python -m benches.compare [--rounds 3] [--scratch DIR] [--only image,small,tiny,mixed,million]
           [--cache dropped]
Results go to benches/results/<date>-<machine>.json and .md; the table of the newest stands in the README.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import safehold
from benches import data, disk, limit, measure, peers
from benches.measure import Cost
from benches.subjects import Borg, Restic, Safehold, Subject

RESULTS = Path(__file__).parent / "results"
DROP_CACHES = Path("/proc/sys/vm/drop_caches")  # root alone may
FIRST, UNCHANGED, CHANGED = "first backup", "unchanged", "after 1 % changed"
RESTORE, ON_DISK, ONE_FILE = "full restore", "full restore, on disk", "one file"
STEPS = (FIRST, UNCHANGED, CHANGED, RESTORE, ON_DISK, ONE_FILE)

SETS = {
    "image": data.disk_image,
    "small": data.small_files,
    "tiny": data.tiny_files,
    "mixed": data.mixed_tree,
    "million": data.million_files,
}
STEPS_OF = {"million": (FIRST, UNCHANGED, ONE_FILE)}  # of the others all
GENERATIONS = 5  # backups after one percent changed, for the growth of what is stored

Stored = dict[tuple[str, str], dict[str, list[int]]]  # (data set, when) -> subject -> bytes
Costs = dict[str, dict[str, dict[str, list[Cost]]]]  # data set -> step -> subject -> a cost a round


def main() -> None:
    options = _options()
    with disk.scratch("safehold-bench-", options.scratch) as scratch:
        found = peers.fetch(scratch / "peers")
        subjects: list[Subject] = [Safehold(safehold.__version__)]
        subjects += [Restic(peer) if peer.name == "restic" else Borg(peer) for peer in found]
        for name in {"restic", "borg"} - {peer.name for peer in found}:
            print(f"{name}: peer absent", flush=True)
        trees = {name: SETS[name](scratch) for name in options.only.split(",")}
        costs, stored = _rounds(subjects, trees, scratch, options.rounds, options.cache)
        limits = {name: limit.seconds(tree) for name, tree in trees.items()}
        _write(subjects, costs, stored, limits, options.rounds, options.cache)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="where some 15 GB may be written")
    parser.add_argument("--only", default="image,small,tiny", help="of " + ", ".join(SETS))
    parser.add_argument("--cache", choices=("warm", "dropped"), default="warm", help="before each step")
    return parser.parse_args()


def _rounds(
    subjects: list[Subject], trees: dict[str, Path], scratch: Path, rounds: int, cache: str
) -> tuple[Costs, Stored]:
    costs: Costs = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    stored: Stored = defaultdict(lambda: defaultdict(list))
    for name, tree in trees.items():
        for number in range(rounds):
            for subject in subjects[number % len(subjects) :] + subjects[: number % len(subjects)]:
                with disk.fresh(scratch, f"{name}-{number}-{subject.name}") as place:
                    work = place / "tree"
                    subprocess.run(["cp", "-a", str(tree), str(work)], check=True)
                    _warm(work)
                    wanted = STEPS_OF.get(name, STEPS)
                    for step, cost in _one_round(subject, work, place, wanted, cache, seed=number):
                        costs[name][step][subject.name].append(cost)
                        print(f"{number} {name:6} {step:18} {subject.name:9} {cost}", flush=True)
                    for when, size in _growth(subject, work) if number == 0 and name not in STEPS_OF else ():
                        stored[name, when][subject.name].append(size)
                    subject.end()
    return costs, stored


def _growth(subject: Subject, tree: Path) -> list[tuple[str, int]]:
    sizes = [("stored, 2 generations", subject.stored_bytes())]
    for seed in range(100, 100 + GENERATIONS - 1):
        data.change_one_percent(tree, seed)
        subject.back_up()
    return [*sizes, (f"stored, {GENERATIONS + 1} generations", subject.stored_bytes())]


def _one_round(
    subject: Subject, tree: Path, place: Path, wanted: Sequence[str], cache: str, *, seed: int
) -> Iterator[tuple[str, Cost]]:
    item = data.one_file(tree)
    work: dict[str, Callable[[], Cost]] = {
        FIRST: subject.back_up,
        UNCHANGED: subject.back_up,
        CHANGED: subject.back_up,
        RESTORE: lambda: subject.restore(place / "restored"),
        ONE_FILE: lambda: subject.restore_one(item, place / "restored-one"),
    }
    subject.begin(tree, place)
    for step in [step for step in wanted if step in work]:
        if step == CHANGED:
            data.change_one_percent(tree, seed)
        if step in (RESTORE, ONE_FILE) or cache == "dropped":
            os.sync()
        if cache == "dropped":
            DROP_CACHES.write_text("3")
        cost = work[step]()
        yield step, cost
        if step == RESTORE:
            yield ON_DISK, replace(cost, seconds=cost.seconds + _seconds_to_sync(place))


def _seconds_to_sync(folder: Path) -> float:
    """Until all that was written to its file system is on disk: Safehold sees to that, its peers do not."""
    started = time.perf_counter()
    subprocess.run(["sync", "--file-system", str(folder)], check=True)
    return time.perf_counter() - started


def _warm(tree: Path) -> None:
    """Everything is in the page cache and on disk: all subjects begin alike."""
    os.sync()
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.read_bytes()


def _write(
    subjects: list[Subject],
    costs: Costs,
    stored: Stored,
    limits: dict[str, float],
    rounds: int,
    cache: str,
) -> None:
    now = datetime.now(UTC)
    machine = f"{os.cpu_count()} cores, {measure.memory_gib()} GiB, {platform.platform(terse=True)}"
    head = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine,
        "rounds": rounds,
        "cache": cache,
        "versions": {subject.name: subject.version for subject in subjects},
        "python": platform.python_version(),
    }
    rows = [_row(name, step, costs[name][step]) for name in costs for step in STEPS_OF.get(name, STEPS)]
    sizes = {
        " | ".join(key): {who: statistics.median(each) for who, each in of.items()}
        for key, of in stored.items()
    }
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{now:%Y-%m-%d-%H%M}"
    stem.with_suffix(".json").write_text(
        json.dumps({**head, "rows": rows, "stored_bytes": sizes, "limit_seconds": limits}, indent=1),
        encoding="utf-8",
    )
    text = _table(head, rows, sizes) + _limit_table(rows, limits)
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def _row(name: str, step: str, by_subject: dict[str, list[Cost]]) -> dict[str, Any]:
    medians = {
        who: {
            "seconds": round(statistics.median(cost.seconds for cost in costs), 2),
            "cpu_seconds": round(statistics.median(cost.cpu_seconds for cost in costs), 2),
            "memory_mb": round(statistics.median(cost.memory_bytes for cost in costs) / 1e6),
        }
        for who, costs in by_subject.items()
    }
    return {"data": name, "step": step, **medians}


def _table(head: dict[str, Any], rows: list[dict[str, Any]], sizes: dict[str, dict[str, float]]) -> str:
    names = list(head["versions"])
    told = ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    lines = [
        f"`make bench`, {head['date'][:10]}, {head['machine']}, Python {head['python']}; {told};",
        f"medians of {head['rounds']} rounds in turn, {head['cache']} cache, a new file system for each run.",
        "Cells: seconds / CPU seconds / MB of anonymous memory.",
        "",
        "| data | step | " + " | ".join(names) + " | faster than the faster peer |",
        "|---|---|" + "---|" * (len(names) + 1),
    ]
    for row in rows:
        cells = [_cell(row.get(name)) for name in names]
        lines.append(f"| {row['data']} | {row['step']} | " + " | ".join(cells) + f" | {_ratio(row, names)} |")
    for name, of in sizes.items():
        cells = [f"{of[who] / 1e6:.1f} MB" for who in names]
        best = min((of[who] for who in names[1:]), default=of[names[0]])
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {of[names[0]] / best:.2f} of the size |")
    return "\n".join(lines) + "\n"


def _limit_table(rows: list[dict[str, Any]], limits: dict[str, float]) -> str:
    """How near a first backup comes to sealing the same bytes alone (limit.py)."""
    lines = [""]
    for row in rows:
        if row["step"] == FIRST:
            bare, whole = limits[row["data"]], row[Safehold.name]["seconds"]
            lines.append(
                f"Naming, sealing and opening the bytes of {row['data']} alone, on as many threads: "
            )
            lines[-1] += f"{bare:.2f} s, {100 * bare / whole:.0f} % of its first backup."
    return "\n".join(lines) + "\n"


def _cell(cost: dict[str, float] | None) -> str:
    return "" if cost is None else f"{cost['seconds']} / {cost['cpu_seconds']} / {cost['memory_mb']}"


def _ratio(row: dict[str, Any], names: list[str]) -> str:
    others = [row[name]["seconds"] for name in names[1:] if name in row]
    return f"{min(others) / row[names[0]]['seconds']:.1f}x" if others else "peer absent"


if __name__ == "__main__":
    main()
