"""A point's search tables: made from its item tree, made anew when lost, dropped when nobody wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.errors import SafeholdError
from safehold.domain.item_rows import is_searched, row_of
from safehold.domain.items import ItemRow
from safehold.domain.point_indexes import IndexStatus, PointIndex
from safehold.jobs.troubles import Troubles
from safehold.jobs.vaults import VaultAccess
from safehold.records import point_indexes, vaults
from safehold.records.engine import Catalog
from safehold.store.points.points import PointRecord
from safehold.store.trees.search_tables import Built, drop_tables, write_tables
from safehold.store.vault_store import VaultStore

_log = log.get(__name__)

BATCH = 100
CHECKED_ROWS = 1000  # between two looks at whether the job shall go on
NO_JOB = "The job that was to make the index ended without saying why; ask for the index again."


def build_tables(
    store: VaultStore, record: PointRecord, *, skip: Troubles, advance: Callable[[int], None]
) -> Built:
    """The point has tables of all its items, under a build of its own; reads pages alone, no data.

    advance  gets the count of rows so far, about once in `CHECKED_ROWS`. Folders that cannot be read are
             told to `skip`. Raises StoreError, and what `advance` raises.
    """
    return write_tables(store, record.point_id, _rows(store, record, skip, advance))


def _rows(
    store: VaultStore, record: PointRecord, skip: Troubles, advance: Callable[[int], None]
) -> Iterator[ItemRow]:
    to_row = row_of(record.resource_type)
    count = 0
    found = store.tree(record).below(b"", unreadable=lambda path, error: skip.add(path, str(error)))
    for path, item in found:
        if not is_searched(item):
            continue
        count += 1
        if count % CHECKED_ROWS == 0:
            advance(count)
        yield to_row(path, item)


@dataclass(frozen=True, slots=True)
class IndexKeeper:
    """What no job does. Several workers may run one each: dropping twice does no harm."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock

    def work(self) -> int:
        """Drop what is to go, end what waits for nobody; how many indexes that were."""
        return self._drop() + self._end_abandoned()

    def _drop(self) -> int:
        troubled: set[str] = set()
        with self.catalog.read() as tx:
            going = point_indexes.to_be_dropped(tx, limit=BATCH)
        for index in going:
            if index.vault_id in troubled:
                continue
            try:
                self._drop_one(index)
            except SafeholdError as error:
                troubled.add(index.vault_id)
                _log.warning("an index cannot be dropped yet", extra={"error": str(error)})
        return len(going)

    def _drop_one(self, index: PointIndex) -> None:
        with self.catalog.read() as tx:
            vault = vaults.find_by_id(tx, index.vault_id)
        if vault is not None:
            drop_tables(self.access.for_reading(vault), index.point_id)
        with self.catalog.begin() as tx:
            now = point_indexes.find(tx, index.point_id)
            if now is not None and now.status is IndexStatus.DELETING:
                gone = {"status": None, "build": None, "item_count": None, "status_message": None}
                point_indexes.update_index(tx, index.point_id, deleted_at=self.clock.now(), **gone)

    def _end_abandoned(self) -> int:
        with self.catalog.begin() as tx:
            found = point_indexes.abandoned(tx, limit=BATCH)
            for index in found:
                failed = {"status": IndexStatus.FAILED, "status_message": NO_JOB}
                point_indexes.update_index(tx, index.point_id, job_id=index.job_id, **failed)
        return len(found)
