"""Access keys: sealed at rest, opened only with the root key, usable only while they may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from safehold.core.errors import RootKeyError
from safehold.core.secrets import RootKey
from safehold.domain.access_keys import AccessKey
from safehold.records import access_keys, tables
from safehold.records.engine import Catalog

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROOT_KEY = RootKey(b"k" * 32)
KEY = AccessKey(
    id="AKIA1",
    account_id="1" * 12,
    principal_arn="arn:aws:iam::111111111111:root",
    user_id="1" * 12,
    secret="very secret",
    created_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)


@pytest.fixture
def with_key(catalog: Catalog) -> Catalog:
    with catalog.begin() as tx:
        tx.execute(insert(tables.account).values(id="1" * 12, name="main", created_at=NOW))
        access_keys.insert_key(tx, KEY, sealed_by=access_keys.box(ROOT_KEY))
    return catalog


def test_the_secret_is_found_again_and_is_not_in_the_catalog(with_key: Catalog) -> None:
    assert access_keys.KeyLookup(with_key, ROOT_KEY).find("AKIA1", now=NOW) == KEY
    with with_key.read() as tx:
        assert KEY.secret.encode() not in tx.execute(select(tables.access_key.c.sealed_secret)).scalar_one()


def test_an_unknown_or_expired_key_is_not_found(with_key: Catalog) -> None:
    lookup = access_keys.KeyLookup(with_key, ROOT_KEY)
    assert lookup.find("AKIA2", now=NOW) is None
    assert lookup.find("AKIA1", now=NOW + timedelta(hours=1)) is None


def test_another_root_key_is_told_apart_from_an_unknown_key(with_key: Catalog) -> None:
    with pytest.raises(RootKeyError):
        access_keys.KeyLookup(with_key, RootKey(b"x" * 32)).find("AKIA1", now=NOW)


def test_a_key_never_shows_its_secret_by_accident() -> None:
    assert KEY.secret not in repr(KEY)
