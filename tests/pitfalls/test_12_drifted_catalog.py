"""A local database drifted from what the storage held, and the product believed the database.

Here the catalog's rows are a cache of the vaults: `verify` tells of rows without a point, and `store rebuild`
gives points without a row one.
"""

from __future__ import annotations

from pathlib import Path

from safehold.cli.installation import opened
from safehold.records import recovery_points
from tests.cli.conftest import Run
from tests.cli.test_store import test_an_index_and_rows_that_were_lost_are_made_again
from tests.cli.vaults import put_point, store_of

test_points_without_a_row_get_one = test_an_index_and_rows_that_were_lost_are_made_again
del test_an_index_and_rows_that_were_lost_are_made_again


def test_a_row_without_a_point_is_told(data: Path, run: Run) -> None:
    put_point(data, "p", {b"file": b"bytes"})
    assert run("verify").code == 0
    store_of(data).backend.delete("points/p")
    answer = run("verify")
    assert answer.code == 1
    assert "the catalog shows it, the vault does not hold it" in answer.out


def test_a_row_that_is_there_is_left_as_it_is(data: Path, run: Run) -> None:
    put_point(data, "p", {b"file": b"bytes"})
    with opened(data) as installation:
        with installation.catalog.read() as tx:
            before = recovery_points.find_by_id(tx, "p")
        assert run("store", "rebuild").code == 0
        with installation.catalog.read() as tx:
            assert recovery_points.find_by_id(tx, "p") == before
