"""The service is killed while it reads: the next attempt reads what the last checkpoint did not have."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from safehold.core.clock import SystemClock
from safehold.core.config import DataFolder
from safehold.core.errors import ObjectMissing
from safehold.core.secrets import read_root_key
from safehold.jobs.vaults import VaultAccess
from safehold.records import checkpoints, vaults
from safehold.records.engine import Catalog
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.points.checkpoints import Checkpoint, CheckpointFolder
from safehold.store.vault_store import VaultStore
from tests.fixtures.service import Service, eventually
from tools.treecmp import differences, snapshot

SECONDS = 0.3  # between two checkpoints
FILE_BYTES = 200_000
BEFORE, AFTER = 160, 40  # files: eighty percent are read before the kill
HOLE_BYTES = 1 << 40  # nothing but a hole: the worker is at it for as long as the test wants it to be
RACY_SECONDS = 2.5  # a file that changed so shortly before a backup began is read again in any case


@contextmanager
def _catalog(service: Service) -> Iterator[Catalog]:
    folder = DataFolder(service.data)
    with closing(Catalog(folder.catalog_url(folder.settings()))) as catalog:
        yield catalog


def _vault(service: Service, catalog: Catalog) -> VaultStore:
    """The default vault, beside the service."""
    root_key = read_root_key(DataFolder(service.data).root_key_file)
    with catalog.read() as tx:
        (vault,) = [vault for vault in vaults.every(tx) if vault.name == "Default"]
    return VaultAccess(catalog, KeyFile(root_key), SystemClock()).for_reading(vault)


def _noted(service: Service, job_id: str) -> Checkpoint | None:
    """The checkpoint that the job would go on with now."""
    with _catalog(service) as catalog:
        with catalog.read() as tx:
            name = checkpoints.find(tx, job_id, "checkpoint")
        if name is None:
            return None
        store = _vault(service, catalog)
        with suppress(ObjectMissing):  # RACE: there is a newer one by now
            return CheckpointFolder(store.backend, store.keys, store.vault_id).get(name)
        return None


def _fill(tree: Path) -> None:
    chance = random.Random(5)
    for folder, count in (("a", BEFORE), ("c", AFTER)):
        (tree / folder).mkdir(parents=True)
        for number in range(count):
            (tree / folder / f"{number:03}").write_bytes(chance.randbytes(FILE_BYTES))
    (tree / "b").mkdir()
    with (tree / "b/hole").open("wb") as hole:
        hole.truncate(HOLE_BYTES)
    time.sleep(RACY_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["the worker", "everything"])
def test_a_backup_that_is_killed_at_eighty_percent_reads_the_rest(tmp_path: Path, what: str) -> None:
    tree = tmp_path / "tree"
    _fill(tree)
    service = Service(tmp_path / "service")
    settings = service.data / "safehold.toml"
    settings.write_text(
        settings.read_text().replace("checkpoint_seconds = 120.0", f"checkpoint_seconds = {SECONDS}")
    )
    arn = service.add_source("tree", tree)
    service.start()
    try:
        job_id = service.start_backup(arn)
        assert eventually(lambda: _is_in_the_hole(service, job_id))
        killed_with = _kill(service, job_id, tree, what)
        job = service.ended(job_id)
        assert (job["State"], job.get("StatusMessage")) == ("COMPLETED", None)
        with _catalog(service) as catalog:
            store = _vault(service, catalog)
            read_bytes = store.point(job_id.lower()).stats.read_bytes
            assert list(store.backend.list("checkpoints/")) == []
        assert read_bytes - killed_with.stats.read_bytes == AFTER * FILE_BYTES
        assert service.restore(job["RecoveryPointArn"], CreationToken="back")["Status"] == "COMPLETED"
        assert differences(snapshot(tree), snapshot(service.writable / "back")) == []
        assert service.command("verify", "--vault", "Default", "--read-data").returncode == 0
    finally:
        service.stop()


def _is_in_the_hole(service: Service, job_id: str) -> bool:
    noted = _noted(service, job_id)
    return noted is not None and [one.item.name for one in noted.unfinished] == [b"hole"]


def _kill(service: Service, job_id: str, tree: Path, what: str) -> Checkpoint:
    """The checkpoint that was there at that moment. The hole is gone when the next attempt begins."""
    (worker,) = service.workers()
    os.kill(worker, signal.SIGSTOP)
    assert eventually(lambda: Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    noted = _noted(service, job_id)
    assert noted is not None
    (tree / "b/hole").unlink()
    if what == "the worker":
        service.kill_worker()
    else:
        service.kill()
        service.start()
    return noted
