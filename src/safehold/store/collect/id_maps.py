"""What copies have learnt and nobody can use any more: maps of ids that lead to nothing.

A map makes nothing a root: a chunk that only a map names goes as everything does, and what is left of the map
then goes here. Only while nobody writes: a copy on its way has named what no point needs yet. A table too few
costs a copy reading, never data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from safehold.core.errors import StoreError
from safehold.store.collect.needed import KEPT_BYTES, NeededIds
from safehold.store.collect.roots import Roots
from safehold.store.copies.id_map import MapFolder, Table, source_of
from safehold.store.points.origins import copied_from
from safehold.store.sealed.chunking import ID_BYTES

Note = Callable[[Mapping[str, str]], None]

MOST_REWRITTEN = 8  # tables in one run: each is 2 MiB, and all of their rows are asked for at once
MOSTLY_DEAD = "most of what it names is not needed any more"
TARGET = slice(ID_BYTES, ID_BYTES + KEPT_BYTES)  # of a row: what `NeededIds` keeps of the id in this vault


def tidy_maps(folder: MapFolder, roots: Roots, needed: NeededIds, note: Note) -> list[str]:
    """Tables that lead to nothing are gone, and of those that lead to little what is needed is in new ones.

    note  told (name, why) of all that is to go, before it goes
    Returns the names. Raises StoreUnavailable where they cannot be listed.
    """
    if roots.intents:
        return []
    names = folder.names()
    copied = [copied_from(roots.points[point_id]) for point_id in roots.kept]
    sources = {origin.vault_id for origin in copied if origin is not None}
    over = [name for name in names if source_of(name) not in sources]
    dead = _mostly_dead(folder, [name for name in names if source_of(name) in sources], needed)
    note(dict.fromkeys(over, "no point is a copy from there") | dict.fromkeys(dead, MOSTLY_DEAD))
    _keep_living(folder, dead, needed)
    folder.delete([*over, *dead])
    return [*over, *dead]


def _keep_living(folder: MapFolder, names: Iterable[str], needed: NeededIds) -> None:
    """What cannot be read is lost, and what cannot be written."""
    tables = list(_open(folder, names))
    rows = {table.name: _rows(table) for table in tables}
    alive = needed.among(row[ID_BYTES:] for some in rows.values() for row in some)
    for table in tables:
        living = [row for row in rows[table.name] if row[TARGET] in alive]
        if living:
            with suppress(StoreError):
                folder.write(table.head.source_vault, table.head.prefix, living)


def _mostly_dead(folder: MapFolder, names: list[str], needed: NeededIds) -> list[str]:
    samples = {table.name: _sample(table) for table in _open(folder, names)}
    alive = needed.among(row[ID_BYTES:] for some in samples.values() for row in some)
    dead = [
        name
        for name, some in samples.items()
        if some and sum(row[TARGET] in alive for row in some) * 2 < len(some)
    ]
    return sorted(dead)[:MOST_REWRITTEN]


def _open(folder: MapFolder, names: Iterable[str]) -> Iterator[Table]:
    for name in names:
        with suppress(StoreError):  # copies delete those that are damaged
            yield folder.open(name)


def _sample(table: Table) -> list[bytes]:
    with suppress(StoreError):
        return table.sample()
    return []


def _rows(table: Table) -> list[bytes]:
    with suppress(StoreError):
        return list(table.rows())
    return []
