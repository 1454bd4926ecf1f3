from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from safehold.records.changes import Changes


@pytest.fixture
def path(tmp_path: Path) -> str:
    place = str(tmp_path / "catalog.db")
    with sqlite3.connect(place) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    return place


def write(path: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()


def test_what_another_connection_commits_is_a_change_and_reading_is_none(path: str) -> None:
    changes = Changes(path)
    assert changes.are_there(), "what came before the first look is found by looking"
    assert not changes.are_there()
    with sqlite3.connect(path) as connection:
        connection.execute("SELECT * FROM t").fetchall()
        assert not changes.are_there()
    connection.close()
    write(path)
    write(path)
    assert changes.are_there()
    assert not changes.are_there()
    changes.close()


def test_a_file_that_cannot_be_looked_at_counts_as_changed(tmp_path: Path) -> None:
    changes = Changes(str(tmp_path / "no folder" / "catalog.db"))
    assert changes.are_there()
    assert changes.are_there()


def test_waiting_ends_with_a_change_long_before_its_time(path: str) -> None:
    changes, stopping = Changes(path), threading.Event()
    changes.are_there()
    write(path)
    changes.wait(stopping, at_most=3600)
    assert not changes.are_there(), "it returned for the change, which is told once"
    stopping.set()
    changes.wait(stopping, at_most=3600)
    changes.close()
