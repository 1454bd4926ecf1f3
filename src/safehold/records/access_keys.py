"""Access keys as rows. Secrets are sealed under the root key: a copied catalog gives none away."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from safehold.core.errors import CatalogUnavailable, RootKeyError
from safehold.core.secrets import RootKey, SecretBox
from safehold.domain.access_keys import AccessKey
from safehold.records.engine import Catalog
from safehold.records.tables import access_key as t
from safehold.records.tx import Tx

NOTED_EVERY = timedelta(minutes=15)  # about as exact as AWS is about when a key was used last
NOTED_KEYS = 10_000  # remembered by one process


def box(root_key: RootKey) -> SecretBox:
    """What seals the secrets of access keys."""
    return SecretBox(root_key, "access-keys")


def insert_key(tx: Tx, key: AccessKey, *, sealed_by: SecretBox) -> None:
    """Store a new key, its secret sealed and bound to its id."""
    tx.execute(
        insert(t).values(
            id=key.id,
            account_id=key.account_id,
            principal_arn=key.principal_arn,
            user_id=key.user_id,
            sealed_secret=sealed_by.seal(key.secret.encode(), context=key.id),
            status=key.status,
            created_at=key.created_at,
            expires_at=key.expires_at,
            sealed_token=None if key.session_token is None else _sealed_token(key, sealed_by),
            issuer_arn=key.issuer_arn,
        )
    )


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key without its secret; last_used_* are None for one that never was."""

    id: str
    account_id: str
    principal_arn: str
    status: str
    created_at: datetime
    last_used_at: datetime | None
    last_used_service: str | None
    last_used_site: str | None


_FACTS = tuple(t.c[field.name] for field in fields(KeyFacts))


def lasting(tx: Tx, principal_arn: str) -> list[KeyFacts]:
    """The keys of a user or of an account's root that do not end by themselves, oldest first."""
    mine = (t.c.principal_arn == principal_arn, t.c.expires_at.is_(None))
    query = select(*_FACTS).where(*mine).order_by(t.c.created_at, t.c.id)
    return [KeyFacts(**row._mapping) for row in tx.execute(query)]


def facts(tx: Tx, key_id: str) -> KeyFacts | None:
    """What is known of a key; None for an id nobody has."""
    row = tx.execute(select(*_FACTS).where(t.c.id == key_id)).one_or_none()
    return None if row is None else KeyFacts(**row._mapping)


def set_status(tx: Tx, key_id: str, status: str) -> None:
    tx.execute(update(t).where(t.c.id == key_id).values(status=status))


def delete_key(tx: Tx, key_id: str) -> None:
    tx.execute(delete(t).where(t.c.id == key_id))


def delete_issued_by(tx: Tx, issuer_arn: str) -> None:
    """No temporary key of that user or role is good any more."""
    tx.execute(delete(t).where(t.c.issuer_arn == issuer_arn))


def delete_expired(tx: Tx, *, before: datetime) -> None:
    """Temporary keys that ended before then are forgotten."""
    tx.execute(delete(t).where(t.c.expires_at < before))


def mark_used(tx: Tx, key_id: str, *, service: str, site: str, now: datetime) -> None:
    used = {"last_used_at": now, "last_used_service": service, "last_used_site": site}
    tx.execute(update(t).where(t.c.id == key_id).values(used))


def find(tx: Tx, key_id: str, *, opened_by: SecretBox) -> AccessKey | None:
    """The key with its secret, usable or not; None for an id nobody has. Raises RootKeyError."""
    row = tx.execute(select(t).where(t.c.id == key_id)).one_or_none()
    if row is None:
        return None
    return AccessKey(
        id=row.id,
        account_id=row.account_id,
        principal_arn=row.principal_arn,
        user_id=row.user_id,
        secret=opened_by.open(row.sealed_secret, context=row.id).decode(),
        created_at=row.created_at,
        status=row.status,
        expires_at=row.expires_at,
        session_token=None
        if row.sealed_token is None
        else opened_by.open(row.sealed_token, context=_token_context(row.id)).decode(),
        issuer_arn=row.issuer_arn,
    )


def reseal(tx: Tx, *, old: SecretBox, new: SecretBox) -> int:
    """All secrets are sealed by `new`; how many were not before. RootKeyError when neither opens one."""
    query = select(t.c.id, t.c.sealed_secret, t.c.sealed_token).order_by(t.c.id).with_for_update()
    changed = 0
    for row in tx.execute(query).all():
        if not _opens(new, row.sealed_secret, row.id):
            tx.execute(update(t).where(t.c.id == row.id).values(_resealed(row, old, new)))
            changed += 1
    return changed


def _resealed(row: Row[Any, Any, Any], old: SecretBox, new: SecretBox) -> dict[str, bytes]:
    sealed = {"sealed_secret": (row.sealed_secret, row.id)}
    if row.sealed_token is not None:
        sealed["sealed_token"] = (row.sealed_token, _token_context(row.id))
    return {
        name: new.seal(old.open(secret, context=context), context=context)
        for name, (secret, context) in sealed.items()
    }


def _sealed_token(key: AccessKey, box: SecretBox) -> bytes:
    assert key.session_token is not None
    return box.seal(key.session_token.encode(), context=_token_context(key.id))


def _token_context(key_id: str) -> str:
    return f"{key_id}/session-token"


def _opens(box: SecretBox, sealed: bytes, context: str) -> bool:
    try:
        box.open(sealed, context=context)
    except RootKeyError:
        return False
    return True


class KeyLookup:
    """Answers who signed: what the wire asks for each request. Threads may share it."""

    def __init__(self, catalog: Catalog, root_key: RootKey) -> None:
        self._catalog = catalog
        self._box = box(root_key)
        self._noted: dict[str, datetime] = {}

    def note_use(self, key_id: str, *, service: str, site: str, now: datetime) -> None:
        """The key was used; written down once in a while, so that requests hardly ever wait for it."""
        noted = self._noted.get(key_id)
        if noted is not None and abs(now - noted) < NOTED_EVERY:
            return
        with contextlib.suppress(CatalogUnavailable), self._catalog.begin() as tx:
            mark_used(tx, key_id, service=service, site=site, now=now)  # else the next time that it is due
        if len(self._noted) >= NOTED_KEYS:
            self._noted.clear()
        self._noted[key_id] = now

    def find(self, key_id: str, *, now: datetime) -> AccessKey | None:
        """The key, if it may be used at `now`. Raises RootKeyError when the root key is not the right one.

        A temporary one that has expired is found as well: the wire has another refusal for it.
        """
        with self._catalog.read() as tx:
            key = find(tx, key_id, opened_by=self._box)
        if key is not None and key.session_token is not None:
            return key
        return key if key is not None and key.is_usable_at(now) else None
