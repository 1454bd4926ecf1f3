"""Search jobs: the indexes of many points looked through, each block that they share once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.errors import Damaged, JobAborted, ObjectMissing, ResourceNotFound, SafeholdError
from safehold.domain.item_filters import Criteria
from safehold.domain.items import ItemRow
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job
from safehold.domain.point_indexes import IndexStatus, PointIndex
from safehold.domain.searches import SearchRequest, shown_state
from safehold.jobs.context import JobContext
from safehold.jobs.indexing import build_tables
from safehold.jobs.looking import Looking
from safehold.jobs.outcome import Outcome
from safehold.jobs.patience import Interrupted
from safehold.jobs.troubles import Troubles, storable
from safehold.jobs.vaults import VaultAccess
from safehold.records import point_indexes, searches, vaults
from safehold.records.engine import Catalog
from safehold.records.searches import Found, InScope, Progress
from safehold.records.tx import Tx
from safehold.store.trees.search_tables import OpenBlock, drop_tables, open_blocks
from safehold.store.vault_store import VaultStore

_log = log.get(__name__)

ROWS_TOGETHER = 500  # of what was found, in one row of the catalog
KEPT_ROWS = 100_000  # of blocks that were looked at before, in case another point has them too
KEPT_BLOCKS = 200_000
KEPT_FOUND = 20_000  # rows that were found and are not written yet
POINTS_TOGETHER = 200  # told of in one transaction, or as many as are done in that time
WRITE_SECONDS = 1.0
NOT_ACTIVE = "The index of this recovery point is {status}, so that it was not searched."
NOT_ALL = "{count} recovery points could not be searched; ListSearchJobBackups says why."
NOT_WANTED = "No filter is about items of this type."


@dataclass(frozen=True, slots=True)
class SearchRunner:
    """See jobs.context.Runner. A second attempt begins anew."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock
    looking: Looking

    def run(self, context: JobContext) -> Outcome:
        return _Search(self, context).run()

    def settle(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        searches.end_points(tx, job.id, status=shown_state(outcome.state))


@dataclass(slots=True)
class _Seen:
    """Rows that were found in blocks already looked at, by vault, block and kind of filter."""

    rows: dict[tuple[str, bytes, str], list[ItemRow]] = field(default_factory=dict)
    count: int = 0

    def keep(self, key: tuple[str, bytes, str], rows: list[ItemRow]) -> None:
        if self.count + len(rows) > KEPT_ROWS or len(self.rows) >= KEPT_BLOCKS:
            self.rows.clear()
            self.count = 0
        self.rows[key] = rows
        self.count += len(rows)


class _Search:
    """One attempt at a search."""

    def __init__(self, runner: SearchRunner, context: JobContext) -> None:
        self._runner = runner
        self._context = context
        self._request = SearchRequest.from_json(context.job.request)
        self._progress = Progress()
        self._stores: dict[str, VaultStore] = {}
        self._seen = _Seen()
        self._waiting: list[Found] = []
        self._ended: list[tuple[int, str, str | None]] = []  # points: number, status, message
        self._written_at = runner.clock.monotonic()
        self._found_number = 0
        self._failed = 0

    def run(self) -> Outcome:
        try:
            for entry in self._begin():
                self._context.check()
                self._search_point(entry)
        finally:
            self._keep_what_was_found()
        message = NOT_ALL.format(count=self._failed) if self._failed else None
        return Outcome(JobState.COMPLETED, message, facts={"found": self._progress.items_found})

    def _begin(self) -> list[InScope]:
        """The points in scope, written down; what an earlier attempt had found is forgotten."""
        job = self._context.job
        with self._runner.catalog.read() as tx:
            scope = self._request.scope
            entries = list(searches.in_scope(tx, scope, account_id=job.account_id, site=job.site))
        items = sum(entry.item_count for entry in entries)
        self._progress = Progress(points_total=len(entries), items_total=items)
        with self._runner.catalog.begin() as tx:
            searches.clear(tx, job.id)
            self._fence(tx)
            searches.put_points(tx, job.id, [entry.point for entry in entries])
        return entries

    def _fence(self, tx: Tx) -> None:
        if not searches.progress(tx, self._context.job, self._progress):
            raise Interrupted(f"another attempt has taken over {self._context.job.id}")

    def _search_point(self, entry: InScope) -> None:
        status, message = "COMPLETED", None
        try:
            if entry.index_status is not IndexStatus.ACTIVE:
                raise ResourceNotFound(NOT_ACTIVE.format(status=entry.index_status))
            criteria = self._request.criteria(entry.point.resource_type)
            if criteria is None:
                message = NOT_WANTED
            else:
                self._look(entry, criteria)
        except JobAborted:
            raise
        except SafeholdError as error:
            self._failed += 1
            status, message = "FAILED", storable(f"{error} {error.hint}".strip())
        self._progress = replace(self._progress, points_done=self._progress.points_done + 1)
        self._ended.append((entry.point.number, status, message))
        now = self._runner.clock.monotonic()
        if len(self._ended) >= POINTS_TOGETHER or now - self._written_at >= WRITE_SECONDS:
            self._write()

    def _keep_what_was_found(self) -> None:
        """However the search ends here, unless another attempt has taken it over."""
        with suppress(Interrupted):
            self._write()

    def _look(self, entry: InScope, criteria: Criteria) -> None:
        gathered: list[ItemRow] = []
        for block, rows in self._blocks(entry, criteria):
            self._context.check()
            gathered += rows
            done = self._progress.items_done + block.note.rows
            self._progress = replace(self._progress, items_done=done)
            while len(gathered) >= ROWS_TOGETHER:
                self._put(entry, gathered[:ROWS_TOGETHER])
                del gathered[:ROWS_TOGETHER]
        if gathered:
            self._put(entry, gathered)

    def _rows(self, entry: InScope, block: OpenBlock, criteria: Criteria) -> list[ItemRow]:
        if not criteria.may_take_within(block.note):
            return []
        key = (entry.vault_id, block.note.digest, entry.point.resource_type)
        known = self._seen.rows.get(key)
        if known is None:
            read = block.read()
            known = (
                [row for row in read.rows() if criteria.take(row)] if criteria.may_take_of(read.paths) else []
            )
            self._seen.keep(key, known)
        return known

    def _put(self, entry: InScope, rows: list[ItemRow]) -> None:
        self._waiting.append(Found(self._found_number, entry.point.number, rows))
        self._found_number += 1
        self._progress = replace(self._progress, items_found=self._progress.items_found + len(rows))
        if sum(len(found.rows) for found in self._waiting) >= KEPT_FOUND:
            self._write()

    def _write(self) -> None:
        """What was found and how far the search is, in one transaction: one for each point would take longer
        than the search."""
        job_id, results = self._context.job.id, self._runner.looking.results

        def write(tx: Tx) -> None:
            self._fence(tx)
            searches.put_found(tx, job_id, self._waiting, results)
            searches.update_points(tx, job_id, self._ended)

        self._context.transact(write)
        self._waiting.clear()
        self._ended.clear()
        self._written_at = self._runner.clock.monotonic()

    def _blocks(self, entry: InScope, criteria: Criteria) -> Iterator[tuple[OpenBlock, list[ItemRow]]]:
        """Each block of the point's index with what is found in it; a lost index is made anew, once.

        The new one has the same blocks, since where they end is decided by paths alone; so what was looked at
        stays looked at.
        """
        store = self._store(entry)
        blocks: list[OpenBlock] | None = None
        position, is_rebuilt = 0, False
        while blocks is None or position < len(blocks):
            try:
                if blocks is None:
                    blocks = list(open_blocks(store, entry.point.point_id, entry.build or ""))
                    continue
                rows = self._rows(entry, blocks[position], criteria)
            except (ObjectMissing, Damaged) as error:
                if is_rebuilt:
                    raise
                is_rebuilt = True
                index = self._index(entry)  # it may be gone, or another by now
                _log.warning("an index is made anew", extra={"point": index.point_id, "error": str(error)})
                blocks = self._rebuilt(store, index, blocks)
                continue
            yield blocks[position], rows
            position += 1

    def _index(self, entry: InScope) -> PointIndex:
        with self._runner.catalog.read() as tx:
            index = point_indexes.find(tx, entry.point.point_id)
        if index is None or index.status is not IndexStatus.ACTIVE:
            raise ResourceNotFound("The recovery point or its index has been deleted meanwhile.")
        return index

    def _rebuilt(
        self, store: VaultStore, index: PointIndex, before: list[OpenBlock] | None
    ) -> list[OpenBlock]:
        troubles = Troubles()
        record = store.point(index.point_id)
        built = build_tables(store, record, skip=troubles, advance=lambda count: self._context.check())
        with self._runner.catalog.begin() as tx:
            point_indexes.update_index(tx, index.point_id, build=built.build, item_count=built.rows)
        drop_tables(store, index.point_id, keep=built.build)
        blocks = list(open_blocks(store, index.point_id, built.build))
        if before is not None and [block.note for block in before] != [block.note for block in blocks]:
            raise Damaged("the recovery point's index was damaged; it is whole again: search once more")
        return blocks

    def _store(self, entry: InScope) -> VaultStore:
        if entry.vault_id not in self._stores:
            with self._runner.catalog.read() as tx:
                vault = vaults.find_by_id(tx, entry.vault_id)
            if vault is None:
                raise ResourceNotFound("The recovery point's vault is gone.")
            self._stores[entry.vault_id] = self._runner.access.for_reading(vault)
        return self._stores[entry.vault_id]
