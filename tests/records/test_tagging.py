"""Pages of everything that has tags: read from an index, the last of 100,000 like the first."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import insert, text

from safehold.records import tables, tagging
from safehold.records.engine import Catalog
from safehold.records.tables_tagging import tagged
from safehold.records.tagging import TypeFilter
from safehold.records.tx import Tx
from tests.records.samples import ACCOUNT, SITE

MINE = {"account_id": ACCOUNT, "site": SITE}
COUNT = 100_000


def arn(number: int) -> str:
    return f"arn:aws:ec2:{SITE}:{ACCOUNT}:volume/vol-{number:06}"


@pytest.fixture
def crowded(sqlite_catalog: Catalog) -> Catalog:
    """100,000 tagged resources; every tenth of a second kind, one with a tag of its own."""
    with sqlite_catalog.begin() as tx:
        tx.execute(insert(tagged), [MINE | {"arn": arn(number)} for number in range(COUNT)])
        rows = [{"arn": arn(number), "key": "env", "value": "prod"} for number in range(COUNT)]
        rows.append({"arn": arn(COUNT - 1), "key": "rare", "value": "one"})
        tx.execute(insert(tables.tag), rows)
        tx.execute(text("ANALYZE"))
    return sqlite_catalog


def steps(tx: Tx, after: str | None, **wanted: object) -> int:
    """Steps of SQLite's machine that a page takes: what rows cost, without a clock."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection = tx.connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    connection.set_progress_handler(count, 10)
    found = tagging.page(tx, **MINE, after=after, limit=101, **wanted)  # type: ignore[arg-type]
    connection.set_progress_handler(None, 10)
    assert len(found) == 101
    return counted


WANTED: list[dict[str, object]] = [
    {},
    {"tags": {"env": ["prod"]}},
    {"tags": {"env": []}},
    {"types": [TypeFilter("ec2", "volume")]},
    {"tags": {"env": ["prod"]}, "types": [TypeFilter("s3"), TypeFilter("ec2")]},
]


@pytest.mark.slow
def test_the_last_page_of_very_many_costs_what_the_first_does(crowded: Catalog) -> None:
    with crowded.read() as tx:
        for wanted in WANTED:
            first = steps(tx, None, **wanted)
            last = steps(tx, arn(COUNT - 102), **wanted)
            assert last <= first * 1.2 + 10, wanted
            assert first < 2000, "a page touches its own rows alone"
        assert tagging.keys(tx, **MINE, limit=5) == ["env", "rare"]
        assert tagging.keys(tx, **MINE, after="env", limit=5) == ["rare"]
        assert tagging.values(tx, "env", **MINE, limit=5) == ["prod"]
        assert tagging.page(tx, **MINE, tags={"rare": ["one"]}, limit=5) == [arn(COUNT - 1)]


def test_pages_go_on_where_they_ended_on_both_databases(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        for number in (3, 1, 2):
            tagging.note(tx, arn(number))
            tagging.note(tx, arn(number))
        tagging.note(tx, "arn:aws:ec2:elsewhere:123456789012:volume/vol-1")
        tagging.note(tx, "arn:aws:iam::123456789012:user/anna")
        tagging.note(tx, "no arn")
        assert tagging.page(tx, **MINE, limit=2) == [arn(1), arn(2)]
        assert tagging.page(tx, **MINE, after=arn(2), limit=2) == [arn(3)]
        assert tagging.among(tx, [arn(1), arn(9)], **MINE) == {arn(1)}
        assert tagging.page(tx, **MINE, types=[TypeFilter("ec2", "volume")], limit=1) == [arn(1)]
        assert tagging.page(tx, **MINE, types=[TypeFilter("ec2", "volum_")], limit=1) == []
        tagging.forget(tx, arn(1))
        assert tagging.page(tx, **MINE, limit=5) == [arn(2), arn(3)]
