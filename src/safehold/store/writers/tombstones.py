"""Tombstones: what collection is about to take away, for writers to leave alone. docs/formats/collection.md.

A tombstone has a number, which is also the epoch that begins with it, and goes through stages; each stage is
an object of its own, written once:

    announced   names the objects; writers that begin from now on do not rely on them
    trashed     those of them that nothing needed when the older writers had ended
    decided     whether they are purged or brought back: whoever writes it first has decided
    spent       it is over, and names nothing any more
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from safehold.core.errors import CollectionRefused, ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.record_folder import RecordFolder

T = TypeVar("T", bound=msgspec.Struct)

VERSION = 1
# INVARIANT: so many numbers stay known when they are spent. A collector that was stopped between its listing
# and its `announced`, for as long as that, would otherwise give a number that writers have gone past.
KEPT_NUMBERS = 1000


class Stage(StrEnum):
    ANNOUNCED = "announced"
    TRASHED = "trashed"
    DECIDED = "decided"
    SPENT = "spent"


class Announced(msgspec.Struct, kw_only=True):
    """names  of objects; roots: the ids of all points that were roots when it was written"""

    version: int
    names: list[str]
    roots: list[str]
    written_at: int


class Trashed(msgspec.Struct, kw_only=True):
    names: list[str]
    written_at: int


class Decided(msgspec.Struct, kw_only=True):
    what: str  # "purge" or "undelete"
    written_at: int


class Spent(msgspec.Struct, kw_only=True):
    written_at: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What a listing of `tombstones/` shows. epoch: the highest number, 0 when there is none."""

    epoch: int
    stages: dict[int, frozenset[Stage]]

    @property
    def open(self) -> list[int]:
        return [
            number
            for number, stages in sorted(self.stages.items())
            if Stage.ANNOUNCED in stages and Stage.SPENT not in stages
        ]


@dataclass(frozen=True, slots=True)
class OpenTombstone:
    number: int
    names: frozenset[str]
    roots: frozenset[str]


class Tombstones:
    """A vault's tombstones. Threads may share it."""

    def __init__(self, backend: Backend, keys: VaultKeys, vault_id: bytes) -> None:
        self._folder = RecordFolder(backend, keys, vault_id, ObjectType.TOMBSTONE)

    def listed(self) -> Listed:
        found: dict[int, set[Stage]] = defaultdict(set)
        for name in self._folder.names():
            number, _, stage = name.partition(".")
            with suppress(ValueError):  # what a later version may put here
                found[int(number)].add(Stage(stage))
        stages = {number: frozenset(known) for number, known in found.items()}
        return Listed(max(stages, default=0), stages)

    def open_ones(self, listed: Listed) -> Iterator[OpenTombstone]:
        """Raises Damaged: a writer that cannot read one must not guess what it names."""
        for number in listed.open:
            with suppress(
                CollectionRefused
            ):  # RACE: spent since it was listed: what it named is gone or back
                told = self.announced(number)
                yield OpenTombstone(number, frozenset(told.names), frozenset(told.roots))

    def announced(self, number: int) -> Announced:
        return self._get(number, Stage.ANNOUNCED, Announced)

    def trashed(self, number: int) -> Trashed:
        return self._get(number, Stage.TRASHED, Trashed)

    def decided(self, number: int) -> Decided:
        return self._get(number, Stage.DECIDED, Decided)

    def _get(self, number: int, stage: Stage, kind: type[T]) -> T:
        """A stage that was listed. Raises CollectionRefused when another run ended the tombstone since."""
        try:
            return self._folder.get(_name(number, stage), kind)
        except ObjectMissing as error:
            raise CollectionRefused(
                f"another run has ended tombstone {number} meanwhile; the next run goes on"
            ) from error

    def put(self, number: int, record: Announced | Trashed | Decided | Spent) -> None:
        """Raises ObjectExists when that stage was reached before."""
        self._folder.put(_name(number, _STAGES[type(record)]), record)

    def forget(self, listed: Listed) -> None:
        """Of those that are spent only their number stays, and of very old ones nothing."""
        for number, stages in listed.stages.items():
            if Stage.SPENT not in stages:
                continue
            old = number <= listed.epoch - KEPT_NUMBERS
            # ORDER: `spent` goes last, so that a tombstone never looks as if it were open again.
            for stage in sorted(stages - {Stage.SPENT}) + ([Stage.SPENT] if old else []):
                self._folder.delete(_name(number, stage))


_STAGES: dict[type, Stage] = {
    Announced: Stage.ANNOUNCED,
    Trashed: Stage.TRASHED,
    Decided: Stage.DECIDED,
    Spent: Stage.SPENT,
}


def _name(number: int, stage: Stage) -> str:
    return f"{number:08}.{stage}"
