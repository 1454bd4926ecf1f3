"""The store and the files connector alone, without a service: what profiles and measurements look into.

Usage: python -m benches.bare --tree DIR --vault DIR [--step backup|restore] [--to DIR]
Prints the seconds and CPU seconds of that one step.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from benches.synthetic import VAULT_ID, a_record, provider
from safehold.connectors.contract import RestoreRequest, SourceSpec
from safehold.connectors.files.connector import FilesConnector
from safehold.connectors.files.target import file_system_arn
from safehold.core.clock import to_micros
from safehold.core.memory import keep_freed_memory
from safehold.domain.items import PreviousTree
from safehold.store.backends.local import LocalBackend
from safehold.store.points.points import PointRecord
from safehold.store.vault_store import VaultStore


def main() -> None:
    options = _options()
    keep_freed_memory()
    options.vault.mkdir(parents=True, exist_ok=True)
    tree = options.tree.resolve()
    settings: dict[str, object] = {"path": str(tree), "writable_roots": [str(options.to.resolve())]}
    spec = SourceSpec("bare", "bare", "files", "EFS", "111122223333", "eu-central-1", settings)
    store = VaultStore.for_writing(_backend(options.vault), provider(), VAULT_ID)
    started, cpu_before = time.perf_counter(), _cpu_seconds()
    told = (_back_up if options.step == "backup" else _restore)(store, spec, tree)
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu_before
    print(f"{options.step}: {seconds:.2f} s, {cpu:.2f} CPU s, {told}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--vault", type=Path, required=True)
    parser.add_argument("--step", choices=("backup", "restore"), default="backup")
    parser.add_argument("--to", type=Path, default=Path("/nonexistent"))
    return parser.parse_args()


def _backend(folder: Path) -> LocalBackend:
    return LocalBackend.create(folder) if not any(folder.iterdir()) else LocalBackend(folder)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _back_up(store: VaultStore, spec: SourceSpec, tree: Path) -> str:
    before = _newest(store)
    previous = store.previous_tree(before) if before is not None else PreviousTree()
    connector = FilesConnector(draw=random.Random(1).random)
    now, arn = datetime.now(UTC), file_system_arn(spec, str(tree))
    with (
        store.session(parents=[before.point_id] if before else []) as session,
        connector.capture(spec, arn, previous, now=now, skip=print) as capture,
    ):
        root = store.take_in(session, capture, previous, advance=lambda items, size: None)
        taken_at = to_micros(capture.taken_at)
        point = a_record(root, session.stats, point_id=str(uuid.uuid4()), taken_at=taken_at)
        record = session.finish(point)
    stats = record.stats
    return f"{stats.items} items, {stats.read_items} read, {stats.stored_bytes / 1e6:.1f} MB stored"


def _restore(store: VaultStore, spec: SourceSpec, tree: Path) -> str:
    record = _newest(store)
    assert record is not None, "nothing was backed up"
    connector = FilesConnector(draw=random.Random(1).random)
    job = str(uuid.uuid4())
    metadata = {"newFileSystem": "true", "CreationToken": job}
    request = RestoreRequest(record.resource_arn, {}, metadata, (), job, datetime.now(UTC))
    with connector.restore(spec, request, skip=print) as restore:
        counts = store.restore(record, restore, advance=lambda items, size: None, skip=print)
        restore.finish()
    return f"{counts.files} files, {counts.bytes / 1e6:.0f} MB"


def _newest(store: VaultStore) -> PointRecord | None:
    records = [store.point(point_id) for point_id in store.points()]
    return max(records, key=lambda record: record.taken_at, default=None)


if __name__ == "__main__":
    main()
