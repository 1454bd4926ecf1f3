"""Search tables give back the rows that they were made of, and say when they cannot."""

from __future__ import annotations

import pytest

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import ItemRow
from safehold.store.trees import search_tables
from safehold.store.trees.search_tables import BlockNote, drop_tables, open_blocks, write_tables
from safehold.store.vault_store import VaultStore
from tests.store.vaults import open_store

ROWS = [
    ItemRow(b"/folder/%05d\xff" % n, n, n if n % 3 else None, created_us=-n, etag=b"e%d" % n)
    for n in range(20_000)
]


def read(store: VaultStore, build: str, point_id: str = "p") -> list[ItemRow]:
    return [row for block in open_blocks(store, point_id, build) for row in block.read().rows()]


def notes(store: VaultStore, build: str) -> list[BlockNote]:
    return [block.note for block in open_blocks(store, "p", build)]


@pytest.mark.parametrize("count", [0, 1, 511, 512, 20_000])
def test_rows_come_back_in_order(count: int) -> None:
    store = open_store()
    built = write_tables(store, "p", iter(ROWS[:count]))
    assert (built.rows, read(store, built.build)) == (count, ROWS[:count])
    for note, block in zip(notes(store, built.build), open_blocks(store, "p", built.build), strict=True):
        sizes = [row.size_bytes for row in block.read().rows()]
        assert (note.rows, note.least_bytes, note.most_bytes) == (len(sizes), min(sizes), max(sizes))
        assert note.rows <= search_tables.MAX_ROWS


def test_a_point_with_more_than_a_table_holds_has_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_tables, "MAX_TABLE_BYTES", 1000)
    store = open_store()
    built = write_tables(store, "p", ROWS)
    assert len(list(store.backend.list("search/p/"))) > 1
    assert read(store, built.build) == ROWS


def test_points_that_have_much_in_common_have_equal_blocks() -> None:
    store = open_store()
    changed = [*ROWS[:300], ItemRow(b"/folder/00299x", 1), *ROWS[300:]]
    one, other = (write_tables(store, "p", rows) for rows in (ROWS, changed))
    before, after = ({note.digest for note in notes(store, built.build)} for built in (one, other))
    # The blocks before and after the first border behind the change: they end at the same paths again.
    assert len(after - before) <= 1 + search_tables.MAX_ROWS // search_tables.MIN_ROWS
    assert after & before


def test_names_stand_nowhere_in_the_vault_as_they_are() -> None:
    store = open_store()
    write_tables(store, "p", [ItemRow(b"/a-name-that-is-a-secret", 1)])
    assert all(b"secret" not in store.backend.get(info.name) for info in store.backend.list("search/"))


def test_tables_are_dropped_but_for_those_that_are_kept() -> None:
    store = open_store()
    old, new = (write_tables(store, "p", ROWS[:10]) for _ in range(2))
    write_tables(store, "q", ROWS[:10])
    assert drop_tables(store, "p", keep=new.build) == 1
    assert read(store, new.build) == ROWS[:10]
    with pytest.raises(ObjectMissing):
        read(store, old.build)
    assert (drop_tables(store, "p"), drop_tables(store, "p")) == (1, 0)
    assert len(list(store.backend.list("search/"))) == 1


def test_a_table_under_another_name_is_not_taken_for_the_one_that_belongs_there() -> None:
    store = open_store()
    built = write_tables(store, "p", ROWS[:10])
    (info,) = store.backend.list("search/p/")
    data = store.backend.get(info.name)
    store.backend.put(info.name.replace("search/p/", "search/q/"), [data])
    with pytest.raises(Damaged):
        read(store, built.build, "q")


def test_a_flipped_bit_is_damage() -> None:
    store = open_store()
    built = write_tables(store, "p", ROWS[:10])
    (info,) = store.backend.list("search/p/")
    data = bytearray(store.backend.get(info.name))
    data[100] ^= 1
    store.backend.delete(info.name)
    store.backend.put(info.name, [data])
    with pytest.raises(Damaged):
        read(store, built.build)
