"""`python -m benches.full_vault [--chunks 10000000] [--scratch DIR]`: the running service over a full vault.

A tree of small files is backed up by the service, and its vault is then filled with synthetic chunks and a
point that needs them all (synthetic.py: packs are holes). What the service does after that is measured: jobs
in the running service, collection both by the command and in the worker. Nothing that is done reads a
synthetic pack; reading vaults back (scrubbing) is off, for it would find the holes damaged.
Results go to benches/results/full-vault-<date>.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import safehold
from benches import data, disk, measure, synthetic
from benches.measure import Cost
from benches.subjects import Safehold
from safehold.cli.installation import opened
from safehold.cli.working import vault_access
from safehold.core.config import DataFolder
from safehold.records import vaults

RESULTS = Path(__file__).parent / "results"
CHUNK_BYTES = 1 << 20
FILE_CHUNKS = 10
COLLECTED = "collected a vault"  # what a worker logs in the end
NOT_COLLECTED = "a vault cannot be collected"

Row = dict[str, Any]


def main() -> None:
    options = _options()
    with disk.scratch("safehold-full-", options.scratch) as scratch:
        with disk.fresh(scratch, "vault") as place:
            facts, rows = _run(place, options.chunks)
        _write(facts, rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10_000_000)
    parser.add_argument("--scratch", type=Path, help="where some 4 GB may be written")
    return parser.parse_args()


def _run(place: Path, chunks: int) -> tuple[Row, list[Row]]:
    rows: list[Row] = []
    step = partial(_step, rows)
    tree = data.small_files(place)
    service = Safehold(safehold.__version__)
    service.begin(tree, place)
    try:
        step("first backup, the vault is empty", service.back_up)
        service.end()
        facts = _fill(service.data, chunks)
        _set(service, collection_hours=0.0)
        service.start()
        _measure_jobs(step, service, tree, place)
        service.end()
        step("`store scrub --budget 0`", partial(_command, service, "scrub", "Default", "--budget", "0"))
        step("`store collect --dry-run`", partial(_command, service, "collect", "Default", "--dry-run"))
        _set(service, collection_hours=24.0)
        service.start(settle_seconds=0)
        step("collection in the service", partial(_collection, service, 1))
        _measure_beside(step, service, tree, place)
    finally:
        service.end()
    return facts, rows


def _measure_jobs(step: Callable[..., None], service: Safehold, tree: Path, place: Path) -> None:
    data.change_one_percent(tree, 1)
    step("backup after 1 % changed", service.back_up)
    step("unchanged backup", service.back_up)
    step("restore of one file", partial(service.restore_one, data.one_file(tree), place / "one"))
    step("full restore", partial(service.restore, place / "all"))


def _measure_beside(step: Callable[..., None], service: Safehold, tree: Path, place: Path) -> None:
    """Jobs while the worker collects: a service that starts again collects what is due at once."""
    service.end()
    _set(service, collection_hours=1e-6)
    data.change_one_percent(tree, 2)
    service.start(settle_seconds=0)

    def work() -> float:
        start = time.perf_counter()
        service.back_up()
        service.restore(place / "beside")
        _wait_for_collection(service, 2)
        return time.perf_counter() - start

    step("backup after 1 % changed, full restore and collection at once", partial(service.watch, work))


def _step(rows: list[Row], name: str, work: Callable[[], Cost]) -> None:
    load = os.getloadavg()[0]
    cost = work()
    row = {
        "what": name,
        "seconds": round(cost.seconds, 2),
        "cpu_seconds": round(cost.cpu_seconds, 2),
        "peak_anonymous_mb": round(cost.memory_bytes / 1e6),
        "of_it_mb": [round(size / 1e6) for size in cost.parts.values()],
        "load": round(max(load, os.getloadavg()[0]), 1),
    }
    rows.append(row)
    print(row, flush=True)


def _fill(folder: Path, chunks: int) -> Row:
    """The service's own vault, opened as its jobs open it."""
    start = time.perf_counter()
    with opened(folder) as installation:
        access = vault_access(installation)
        with installation.catalog.read() as tx:
            vault = next(each for each in vaults.every(tx) if each.name == "Default")
        store, root = access.for_writing(vault), folder / "vaults" / vault.id
        files = chunks // FILE_CHUNKS
        made = synthetic.fill(store, root, chunks=chunks, files=files, chunk_bytes=CHUNK_BYTES)
        access.close()  # nobody is announced any more as writing
    print(f"filled in {time.perf_counter() - start:.0f} s, {made.packs} packs", flush=True)
    index = sum(path.stat().st_size for path in (root / "index").iterdir())
    return {"chunks": chunks, "files": files, "packs": made.packs, "index_mb": round(index / 1e6)}


def _set(service: Safehold, *, collection_hours: float) -> None:
    folder = DataFolder(service.data)
    changed = replace(folder.settings(), scrub_bytes_per_day=0, collection_hours=collection_hours)
    folder.write_settings(changed)


def _command(service: Safehold, *arguments: str) -> Cost:
    store = [sys.executable, "-m", "safehold.cli.main", "store", *arguments]
    return measure.run([*store, "--data", str(service.data), "--json"], {})


def _collection(service: Safehold, number: int) -> Cost:
    return service.watch(lambda: _wait_for_collection(service, number))


def _wait_for_collection(service: Safehold, number: int) -> float:
    """Until the worker has told of so many. Raises RuntimeError when one was refused."""
    start = time.perf_counter()
    while True:
        told = service.log.read_text()
        if NOT_COLLECTED in told:
            raise RuntimeError(told[-2000:])
        if told.count(COLLECTED) >= number:
            return time.perf_counter() - start
        time.sleep(0.25)


def _write(facts: Row, rows: list[Row]) -> None:
    now = datetime.now(UTC)
    machine = f"{os.cpu_count()} cores, {measure.memory_gib()} GiB, {platform.platform()}"
    command = f"python -m benches.full_vault --chunks {facts['chunks']}"
    name = f"full-vault-{now:%Y-%m-%d-%H%M}"
    head = {"date": now.isoformat(timespec="seconds"), "machine": machine, "command": command}
    head |= {"python": platform.python_version(), "safehold": safehold.__version__}
    (RESULTS / f"{name}.json").write_text(json.dumps(head | facts | {"results": rows}, indent=1) + "\n")
    lines = [
        f"`{command}`, {now:%Y-%m-%d}, {machine}, Python {platform.python_version()};",
        f"safehold {safehold.__version__}, a local folder, warm cache; a vault of {facts['chunks']:,} chunks",
        f"in {facts['packs']:,} packs, {facts['files']:,} files in one point, {facts['index_mb']:,} MB of",
        f"index; and points of a tree of {data.SMALL_FILES:,} small files, which are backed up and restored.",
        "Peaks are of the whole process tree, and of each process then: the service and its worker, or the "
        "command.",
        "",
        "| what | seconds | CPU seconds | peak anonymous MB, of each process | load |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        each = " + ".join(map(str, row["of_it_mb"]))
        peak = f"{row['peak_anonymous_mb']} ({each})"
        lines.append(f"| {row['what']} | {row['seconds']} | {row['cpu_seconds']} | {peak} | {row['load']} |")
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
