"""Out of sight, not yet gone: in a folder an object is renamed into `trash/`, elsewhere it stays in place.

Reading goes on through `TrashView`: what a root turns out to need is found wherever it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from safehold.core.errors import ObjectExists, ObjectLocked, ObjectMissing
from safehold.store.backends.contract import Backend, locking, renaming
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.tiers import TRASH, is_cold
from safehold.store.sealed.sealing import HEADER_BYTES

FOLDER = TRASH
_OURS = re.compile(rf"{FOLDER}(\d{{8,18}})/(.+)", re.ASCII)


class TrashView(PassingBackend):
    """A backend that also reads what is in the trash, as if it were in its place. Listings show it not."""

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        try:
            return super().get(name, offset=offset, length=length)
        except ObjectMissing:
            for number in self._numbers():
                with suppress(ObjectMissing):
                    return self.inner.get(in_trash(number, name), offset=offset, length=length)
            raise

    def _numbers(self) -> Iterable[int]:
        return _lying_in(self.inner)


class Trash:
    """Moves, brings back, erases. Each may be done again: what is done already is no error."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def takes(self, name: str) -> bool:
        """Is there a trash where that object lies? Or does it stay where it is until the end?"""
        return renaming(self._backend, name) is not None

    def take(self, number: int, name: str) -> None:
        """Raises ObjectLocked."""
        place = renaming(self._backend, name)
        if place is None:
            return
        try:
            place.rename(name, in_trash(number, name))
        except ObjectMissing:
            return
        except ObjectExists:  # a crash had left it both names
            with suppress(ObjectMissing):  # RACE: another run has ended this just now
                headers = [self._backend.get(n, length=HEADER_BYTES) for n in (name, in_trash(number, name))]
                if headers[0] == headers[1]:
                    self._backend.delete(name)

    def bring_back(self, number: int, name: str) -> None:
        place = renaming(self._backend, name)
        if place is None:
            return
        try:
            place.rename(in_trash(number, name), name)
        except ObjectMissing:
            return
        except ObjectExists:  # it was there all the time, or came back before
            self._backend.delete(in_trash(number, name))

    def bring_all_back(self, number: int, names: Iterable[str]) -> None:
        """ORDER: what is cold comes last: an object that is there has its label, whoever is killed."""
        for name in sorted(names, key=is_cold):
            self.bring_back(number, name)

    def listed(self) -> dict[int, list[str]]:
        """What lies in the trash, by tombstone."""
        return _lying_in(self._backend)

    def erase(self, number: int, name: str) -> bool:
        """Gone for good; False when a lock keeps it. Names every version where the place has versions."""
        if self.takes(name):
            try:
                self.take(number, name)  # a run that was cut off, or a lock, may have left it in its place
            except ObjectLocked:
                return False
            self._backend.delete(in_trash(number, name))
            return True
        versioned = locking(self._backend)
        if versioned is None:
            self._backend.delete(name)
            return True
        try:
            for version in versioned.versions_of(name):
                versioned.delete_version(version)
        except ObjectLocked:
            return False
        return True


def in_trash(number: int, name: str) -> str:
    return f"{FOLDER}{number:08}/{name}"


def _lying_in(backend: Backend) -> dict[int, list[str]]:
    """What lies in the trash, by tombstone. What is called otherwise is a stranger's."""
    found: dict[int, list[str]] = {}
    for info in backend.list(FOLDER):
        ours = _OURS.fullmatch(info.name)
        if ours is not None:
            found.setdefault(int(ours[1]), []).append(ours[2])
    return found
