"""One kind of job a file; `all_runners` is the one list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from safehold.connectors.contract import Connector
from safehold.core.clock import Clock
from safehold.domain.jobs import JobKind
from safehold.jobs.context import Runner
from safehold.jobs.looking import Looking
from safehold.jobs.runners.backup import BackupRunner
from safehold.jobs.runners.copy import CopyRunner
from safehold.jobs.runners.export import ExportRunner
from safehold.jobs.runners.index import IndexRunner
from safehold.jobs.runners.restore import RestoreRunner
from safehold.jobs.runners.scan import ScanRunner
from safehold.jobs.runners.search import SearchRunner
from safehold.jobs.vaults import VaultAccess
from safehold.records.engine import Catalog
from safehold.store.writing.checkpointing import EVERY_SECONDS


def all_runners(
    catalog: Catalog,
    access: VaultAccess,
    connector_of: Callable[[str], Connector],
    clock: Clock,
    looking: Looking | None = None,
    *,
    checkpoint_seconds: float = EVERY_SECONDS,
) -> Mapping[JobKind, Runner]:
    """What a worker can run; without `looking`, all but what looks into points for somebody.

    checkpoint_seconds  how often a backup writes down how far it is; 0: never
    """
    backup = BackupRunner(catalog, access, connector_of, clock, checkpoint_seconds)
    restore = RestoreRunner(catalog, access, connector_of, clock)
    copy = CopyRunner(catalog, access, clock)
    index = IndexRunner(catalog, access, clock)
    known = {
        JobKind.BACKUP: Runner(backup.run, backup.settle, backup.discard),
        JobKind.RESTORE: Runner(restore.run, restore.settle),
        JobKind.COPY: Runner(copy.run, copy.settle, copy.discard),
        JobKind.INDEX: Runner(index.run, index.settle),
    }
    return known | ({} if looking is None else _lookers(catalog, access, clock, looking))


def _lookers(catalog: Catalog, access: VaultAccess, clock: Clock, looking: Looking) -> dict[JobKind, Runner]:
    search = SearchRunner(catalog, access, clock, looking)
    export = ExportRunner(catalog, looking)
    scan = ScanRunner(catalog, access, clock, looking)
    return {
        JobKind.SEARCH: Runner(search.run, search.settle),
        JobKind.EXPORT: Runner(export.run),
        JobKind.SCAN: Runner(scan.run, scan.settle),
    }
