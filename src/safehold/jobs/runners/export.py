"""Export jobs: what a search found, as compressed tables in a bucket."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from safehold.core.errors import ResourceNotFound
from safehold.domain.item_rows import BUCKET_TYPE
from safehold.domain.items import ItemRow
from safehold.domain.job_states import JobState
from safehold.domain.searches import ExportRequest
from safehold.jobs.context import JobContext
from safehold.jobs.delivering import Delivery
from safehold.jobs.looking import Looking
from safehold.jobs.outcome import Outcome
from safehold.jobs.troubles import shown
from safehold.records import jobs, searches
from safehold.records.engine import Catalog
from safehold.records.searches import Found, SearchedPoint

READ_TOGETHER = 20  # rows of what was found, of some hundred items each
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Source: model backupsearch 2018-05-10, members of `EBSResultItem` and `S3ResultItem`.
WHERE = ("BackupResourceArn", "SourceResourceArn", "BackupVaultName")
FILE_COLUMNS = (*WHERE, "FilePath", "FileSize", "CreationTime", "LastModifiedTime")
OBJECT_COLUMNS = (*WHERE, "ObjectKey", "ObjectSize", "CreationTime", "ETag", "VersionId")


@dataclass(frozen=True, slots=True)
class ExportRunner:
    """See jobs.context.Runner. A second attempt writes the same objects again."""

    catalog: Catalog
    looking: Looking

    def run(self, context: JobContext) -> Outcome:
        job = context.job
        request = ExportRequest.from_json(job.request)
        with self.catalog.read() as tx:
            if jobs.find(tx, request.search_job_id) is None:
                raise ResourceNotFound("The search job is gone, and what it found with it.")
        delivery = Delivery(self.looking.delivery_endpoint, job.site)
        keys: list[str] = []
        with tempfile.TemporaryDirectory(prefix="safehold-export-") as folder:
            for path in self._write(context, request, Path(folder)):
                key = "/".join(filter(None, [request.prefix, request.search_job_id, job.id, path.name]))
                context.check()
                delivery.put_file(request.bucket, key, path)
                keys.append(key)
        return Outcome(JobState.COMPLETED, facts={"keys": keys})

    def _write(self, context: JobContext, request: ExportRequest, folder: Path) -> list[Path]:
        """One file of each kind of item that was found; of files alone when nothing was."""
        with ExitStack() as stack:
            tables = {
                is_object: stack.enter_context(_Table(folder, is_object=is_object))
                for is_object in (False, True)
            }
            for point, found in self._found(request.search_job_id):
                context.check()
                table = tables[point.resource_type == BUCKET_TYPE]
                for row in found.rows:
                    table.add(point, row)
        written = [table.path for table in tables.values() if table.count]
        return written or [tables[False].path]

    def _found(self, search_job_id: str) -> Iterator[tuple[SearchedPoint, Found]]:
        number = 0
        while True:
            with self.catalog.read() as tx:
                found = searches.found_from(
                    tx, search_job_id, number, self.looking.results, limit=READ_TOGETHER
                )
                points = searches.points_by_number(tx, search_job_id, {each.backup_number for each in found})
            if not found:
                return
            yield from ((points[each.backup_number], each) for each in found)
            number = found[-1].number + 1


class _Table:
    """A compressed table of files, or of objects. Use as a `with` block."""

    def __init__(self, folder: Path, *, is_object: bool) -> None:
        self.path = folder / f"{'objects' if is_object else 'files'}.csv.gz"
        self.count = 0
        self._is_object = is_object
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        packed = self._stack.enter_context(gzip.open(self.path, "wb"))
        text = self._stack.enter_context(io.TextIOWrapper(packed, encoding="utf-8", newline=""))
        self._writer = csv.writer(text)
        self._writer.writerow(OBJECT_COLUMNS if self._is_object else FILE_COLUMNS)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, point: SearchedPoint, row: ItemRow) -> None:
        where = (point.point_arn, point.resource_arn, point.vault_name, shown(row.path), row.size_bytes)
        created = _time(row.created_us)
        more = (
            (created, _text(row.etag), _text(row.version_id))
            if self._is_object
            else (
                created,
                _time(row.modified_us),
            )
        )
        self._writer.writerow([*where, *more])
        self.count += 1


def _time(micros: int | None) -> str:
    return "" if micros is None else (EPOCH + timedelta(microseconds=micros)).isoformat()


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", "backslashreplace")
