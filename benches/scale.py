"""`python -m benches.scale --chunks 10000000 --files 1000000`: a large vault made, opened, asked and read.

Every figure is taken in a process of its own that does this one thing, so that its memory is that thing's.
Results go to benches/results/scale-<date>.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benches import disk, synthetic
from benches.measure import anonymous_bytes
from safehold.domain.items import Item
from safehold.store.backends.contract import ObjectInfo
from safehold.store.backends.local import LocalBackend
from safehold.store.vault_store import VaultStore

RESULTS = Path(__file__).parent / "results"
KNOWN = 20_000  # lookups
UNKNOWN = 200_000
SAMPLE_SECONDS = 0.005

Told = dict[str, float]


def main() -> None:
    options = _options()
    if options.step:
        vault = json.loads(Path(options.vault).read_text())
        print(json.dumps(_measured(STEPS[options.step], vault)))
        return
    with disk.scratch("safehold-scale-", options.scratch) as scratch:
        _run(options, scratch)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--chunk-bytes", type=int, default=1 << 20)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--vault", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(options: argparse.Namespace, scratch: Path) -> None:
    start = time.perf_counter()
    vault = synthetic.make(
        scratch / "vault", chunks=options.chunks, files=options.files, chunk_bytes=options.chunk_bytes
    )
    print(f"made in {time.perf_counter() - start:.0f} s, {vault.packs} packs", flush=True)
    told = scratch / "vault.json"
    facts = {
        "folder": str(vault.folder),
        "point_id": vault.point_id,
        "file": vault.file.decode(),
        "size": len(vault.data),
        "chunks": options.chunks,
        "files": options.files,
    }
    told.write_text(json.dumps(facts))
    index_bytes = sum(path.stat().st_size for path in (vault.folder / "index").iterdir())
    results = {step: _in_own_process(step, told) for step in STEPS}
    sizes = {
        "chunks": options.chunks,
        "files": options.files,
        "packs": vault.packs,
        "index_bytes_an_entry": round(index_bytes / options.chunks, 1),
    }
    _write(sizes, results)


def _in_own_process(step: str, told: Path) -> Told:
    command = [sys.executable, "-m", "benches.scale", "--step", step, "--vault", str(told)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: Told = json.loads(done.stdout.splitlines()[-1])
    print(f"{step}: {result}", flush=True)
    return result


def _measured(step: Callable[[dict[str, Any]], Told], vault: dict[str, Any]) -> Told:
    before = anonymous_bytes(os.getpid())
    with _peak() as peak:
        start = time.perf_counter()
        told = step(vault)
        told.setdefault("seconds", round(time.perf_counter() - start, 3))
    return told | {"peak_anonymous_mb": peak[0] >> 20, "of_it_before_mb": before >> 20}


@contextmanager
def _peak() -> Iterator[list[int]]:
    peak = [0]
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], anonymous_bytes(os.getpid()))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()
        peak[0] = max(peak[0], anonymous_bytes(os.getpid()))


class CountingBackend(LocalBackend):
    """A local folder that counts its reads."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gets = self.read_bytes = self.listed = 0

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, offset=offset, length=length)
        self.gets += 1
        self.read_bytes += len(data)
        return data

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for info in super().list(prefix):
            self.listed += 1
            yield info


def _open(vault: dict[str, Any]) -> tuple[VaultStore, CountingBackend]:
    backend = CountingBackend(Path(vault["folder"]))
    return VaultStore.for_reading(backend, synthetic.provider(), synthetic.VAULT_ID), backend


def open_for_reading(vault: dict[str, Any]) -> Told:
    store, backend = _open(vault)
    store.index()
    return {"reads": backend.gets, "read_kb": backend.read_bytes >> 10}


def open_for_writing(vault: dict[str, Any]) -> Told:
    """Lists every object, and finds whether one is gone."""
    store, backend = _open(vault)
    with store.session() as session:
        assert not session.has_gaps
    return {"reads": backend.gets, "read_kb": backend.read_bytes >> 10, "listed": backend.listed}


class _Memory:
    """Where a restored file goes."""

    def __init__(self) -> None:
        self.files: dict[bytes, int] = {}

    def make(self, path: bytes, item: Item) -> None:
        del path, item

    def write_whole(self, batch: Sequence[tuple[bytes, Item, bytes]]) -> None:
        self.files.update((path, len(data)) for path, _, data in batch)

    def open(self, path: bytes, item: Item) -> Any:
        raise AssertionError(f"{path!r} is small: {item}")


def restore_one_file(vault: dict[str, Any]) -> Told:
    store, backend = _open(vault)
    target = _Memory()
    skipped: list[object] = []
    store.restore(
        store.point(vault["point_id"]),
        target,
        paths=[vault["file"].encode()],
        advance=lambda items, size: None,
        skip=lambda *what: skipped.append(what),
    )
    assert (target.files, skipped) == ({vault["file"].encode(): vault["size"]}, [])
    return {"reads": backend.gets, "read_kb": backend.read_bytes >> 10, "listed": backend.listed}


def look_up_known(vault: dict[str, Any]) -> Told:
    store, backend = _open(vault)
    chance = random.Random(3)
    return _look_up(
        store, backend, [synthetic.synthetic_id(chance.randrange(vault["chunks"])) for _ in range(KNOWN)], 1
    )


def look_up_unknown(vault: dict[str, Any]) -> Told:
    store, backend = _open(vault)
    data = random.Random(4).randbytes(32 * UNKNOWN)
    return _look_up(store, backend, [data[n : n + 32] for n in range(0, len(data), 32)], 0)


def _look_up(store: VaultStore, backend: CountingBackend, ids: Sequence[bytes], places: int) -> Told:
    index = store.index()
    start = time.perf_counter()
    found = sum(len(list(index.places(identity))) for identity in ids)
    seconds = time.perf_counter() - start
    assert found == places * len(ids)
    return {"seconds": round(seconds, 3), "a_second": round(len(ids) / seconds), "reads": backend.gets}


def list_all(vault: dict[str, Any]) -> Told:
    store, backend = _open(vault)
    tree = store.tree(store.point(vault["point_id"]))
    count = sum(len(listing.items) for listing in tree.walk())
    assert count > vault["files"]
    return {"items": count, "reads": backend.gets}


def merge_all(vault: dict[str, Any]) -> Told:
    """All fragments to one, and nothing else."""
    store, _ = _open(vault)
    fragments = list(store.index().fragments())
    rows = sum(map(len, fragments))
    start = time.perf_counter()
    store.index_folder.merge(fragments)
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 1), "rows": rows, "rows_a_second": round(rows / seconds)}


STEPS: dict[str, Callable[[dict[str, Any]], Told]] = {
    "open_for_reading": open_for_reading,
    "open_for_writing": open_for_writing,
    "restore_one_file": restore_one_file,
    "look_up_known": look_up_known,
    "look_up_unknown": look_up_unknown,
    "list_all": list_all,
    "merge_all": merge_all,
}


def _write(sizes: dict[str, Any], results: dict[str, Told]) -> None:
    now = datetime.now(UTC)
    machine = f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"
    name = f"scale-{now:%Y-%m-%d-%H%M}"
    document = {"date": now.isoformat(timespec="seconds"), "machine": machine, **sizes, "results": results}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    lines = [
        f"`python -m benches.scale`, {now:%Y-%m-%d}, {machine}, a local folder, warm cache;",
        f"{sizes['chunks']:,} chunks, {sizes['files']:,} files, {sizes['packs']:,} packs; "
        f"{sizes['index_bytes_an_entry']} bytes of index an entry. One process for each line.",
        "",
        "| what | seconds | peak anonymous MB, of it Python and its modules | more |",
        "|---|---|---|---|",
    ]
    for step, told in results.items():
        rest = {key: value for key, value in told.items() if key not in _TOLD_APART}
        more = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in rest.items())
        lines.append(
            f"| {step.replace('_', ' ')} | {told['seconds']} "
            f"| {told['peak_anonymous_mb']}, {told['of_it_before_mb']} | {more} |"
        )
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


_TOLD_APART = ("seconds", "peak_anonymous_mb", "of_it_before_mb")

if __name__ == "__main__":
    main()
