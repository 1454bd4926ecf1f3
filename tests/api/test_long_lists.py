"""Pages of very long lists: a few questions to the database, read from an index, the last like the first."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from benches.listings import Crowd
from safehold.core.secrets import RootKey
from safehold.records import installation
from safehold.records.engine import Catalog
from tests.records.test_list_plans import explained, statements

pytestmark = pytest.mark.slow

ACCOUNT, SITE = "123456789012", "us-east-1"
POINTS = 20_000
RESOURCES = 5_000
STEP = 10  # of SQLite's machine, between two calls of its progress handler


def crowded(catalog: Catalog) -> Crowd:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    root_key = RootKey(b"r" * 32)
    installation.create(
        catalog, root_key, region=SITE, storage_url="file:///vaults", now=now, account_id=ACCOUNT
    )
    crowd = Crowd(catalog, account=ACCOUNT, site=SITE)
    crowd.fill(points=POINTS, resources=RESOURCES)
    return crowd


def ends(crowd: Crowd) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """What reads the first and the last page of each list."""
    return {
        "points": (crowd.points, lambda: crowd.points(last=True)),
        "resources": (
            lambda: crowd.resources(RESOURCES),
            lambda: crowd.resources(RESOURCES, last=True),
        ),
    }


def test_a_page_asks_as_often_wherever_it_stands_and_reads_from_an_index(catalog: Catalog) -> None:
    crowd = crowded(catalog)
    first, last = crowd.points(), crowd.points(last=True)
    times = [point["CreationDate"] for point in (*first, *last)]
    assert (len(first), len(last)) == (1000, 1000)
    assert times == sorted(times, reverse=True)
    assert (times[0] - times[-1]).total_seconds() == POINTS - 1
    outer = [crowd.resources(RESOURCES)[0], crowd.resources(RESOURCES, last=True)[-1]]
    assert [each["ResourceARN"][-4:] for each in outer] == ["0000", "4999"]

    for pages in ends(crowd).values():
        asked = [questions(catalog, page) for page in pages]
        assert len(asked[0]) == len(asked[1]) <= 6, "the vault, its points, and two times what 500 have"
        for statement, parameters in (*asked[0], *asked[1]):
            held_to_an_index(catalog, statement, parameters)


def questions(catalog: Catalog, do: Callable[[], object]) -> list[tuple[str, Any]]:
    with statements(catalog) as sent:
        do()
    return [(statement, parameters) for statement, parameters in sent if statement.startswith("SELECT")]


def held_to_an_index(catalog: Catalog, statement: str, parameters: Any) -> None:
    with catalog.read() as tx:
        plan = explained(tx, statement, parameters)
    assert not re.search(r"\bSCAN\b|TEMP B-TREE|Seq Scan|Sort", plan), f"{statement}\n{plan}"
    if "FROM recovery_point" in statement and "ORDER BY" in statement:
        assert re.search(r"\bix_recovery_point_vault\b", plan), plan


def test_the_last_page_takes_as_many_steps_as_the_first(sqlite_catalog: Catalog) -> None:
    """SQLite counts the steps of its machine; PostgreSQL is held to the same by its plan, above."""
    for name, pages in ends(crowded(sqlite_catalog)).items():
        first, last = (steps(sqlite_catalog, page) for page in pages)
        assert last <= first * 1.2 + 10, name
        assert first * STEP < 200 * 1001, f"a page of {name} touches its own rows alone"


def steps(catalog: Catalog, do: Callable[[], object]) -> int:
    """Tens of steps that SQLite takes meanwhile: what rows cost, without a clock."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with catalog.read() as tx:
        connection = tx.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
    connection.set_progress_handler(count, STEP)
    do()
    connection.set_progress_handler(None, STEP)
    assert counted, "the page came by another connection"
    return counted
