"""Access keys as rows. Secrets are sealed under the root key: a copied catalog gives none away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update

from safehold.core.errors import RootKeyError
from safehold.core.secrets import RootKey, SecretBox
from safehold.domain.access_keys import AccessKey
from safehold.records.engine import Catalog
from safehold.records.tables import access_key as t
from safehold.records.tx import Tx


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
        )
    )


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
    )


def reseal(tx: Tx, *, old: SecretBox, new: SecretBox) -> int:
    """All secrets are sealed by `new`; how many were not before. RootKeyError when neither opens one."""
    changed = 0
    for row in tx.execute(select(t.c.id, t.c.sealed_secret).order_by(t.c.id).with_for_update()).all():
        if not _opens(new, row.sealed_secret, row.id):
            secret = old.open(row.sealed_secret, context=row.id)
            sealed = new.seal(secret, context=row.id)
            tx.execute(update(t).where(t.c.id == row.id).values(sealed_secret=sealed))
            changed += 1
    return changed


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

    def find(self, key_id: str, *, now: datetime) -> AccessKey | None:
        """The key, if it may be used at `now`. Raises RootKeyError when the root key is not the right one."""
        with self._catalog.read() as tx:
            key = find(tx, key_id, opened_by=self._box)
        return key if key is not None and key.is_usable_at(now) else None
