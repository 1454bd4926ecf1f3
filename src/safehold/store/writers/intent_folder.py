"""Intents and revocations as they lie in a vault, for a collector to see. docs/formats/collection.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from safehold.core.errors import ObjectExists, ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.points.points import PointRecord
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.record_folder import RecordFolder

VERSION = 1


class Intent(msgspec.Struct, kw_only=True):
    """What `intents/<id>.<sequence>` says; only the highest sequence holds.

    epoch  number of the newest tombstone that the writer had seen; pins: points that it builds upon
    """

    version: int
    intent_id: str
    sequence: int
    epoch: int
    pins: list[str]
    writer: str
    written_at: int


class Revocation(msgspec.Struct, kw_only=True):
    """Of the points whose records name this intent, only those stand that were admitted before."""

    version: int
    intent_id: str
    admitted: list[str]
    written_at: int


def stored_name(intent: Intent, *, back: int = 0) -> str:
    return f"{intent.intent_id}.{intent.sequence - back:08}"


class IntentFolder:
    """All intents and revocations of a vault, as a collector sees them."""

    def __init__(self, backend: Backend, keys: VaultKeys, vault_id: bytes) -> None:
        self._intents = RecordFolder(backend, keys, vault_id, ObjectType.INTENT)
        self._revocations = RecordFolder(backend, keys, vault_id, ObjectType.REVOCATION)

    def live(self) -> list[Intent]:
        """Raises Damaged: an intent that cannot be read may be anybody's."""
        found = [self._find(intent_id) for intent_id in {name.partition(".")[0] for name in self._names()}]
        return [intent for intent in found if intent is not None]

    def _find(self, intent_id: str) -> Intent | None:
        while True:
            own = [name for name in self._names() if name.startswith(intent_id)]
            if not own:
                return None
            with suppress(ObjectMissing):  # RACE: renewed or ended since it was listed
                return self._intents.get(own[-1], Intent)

    def _names(self) -> list[str]:
        return list(self._intents.names())

    def end(self, intent_id: str) -> None:
        for name in self._names():
            if name.startswith(intent_id):
                self._intents.delete(name)

    def revoke(self, revocation: Revocation) -> None:
        """It is written down in the vault that nothing else stands under this intent; the first one holds."""
        with suppress(ObjectExists):
            self._revocations.put(revocation.intent_id, revocation)

    def revoked(self) -> Iterator[Revocation]:
        for name in self._revocations.names():
            yield self._revocations.get(name, Revocation)


def void_check(backend: Backend, keys: VaultKeys, vault_id: bytes) -> Callable[[PointRecord], bool]:
    """Tells void records from points, by the revocations that are there now. A void one is no point: what it
    needs may be gone. Raises Damaged."""
    told = IntentFolder(backend, keys, vault_id).revoked()
    revoked = {revocation.intent_id: frozenset(revocation.admitted) for revocation in told}
    return lambda record: is_void(revoked, record.intent_id, record.point_id)


def is_void(revoked: dict[str, frozenset[str]], intent_id: str | None, point_id: str) -> bool:
    """Was this point's writer revoked before it was admitted?"""
    return intent_id is not None and intent_id in revoked and point_id not in revoked[intent_id]
