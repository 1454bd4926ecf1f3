"""Access keys: sealed at rest, opened only with the root key, usable only while they may be."""

from __future__ import annotations

from dataclasses import replace
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


TEMPORARY = replace(
    KEY, id="ASIA1", secret="passing", session_token="a token", issuer_arn="arn:aws:iam::1:role/r"
)


def test_a_temporary_keys_token_is_sealed_too_and_moves_to_another_root_key(with_key: Catalog) -> None:
    old, new = access_keys.box(ROOT_KEY), access_keys.box(RootKey(b"n" * 32))
    with with_key.begin() as tx:
        access_keys.insert_key(tx, TEMPORARY, sealed_by=old)
        sealed = select(tables.access_key.c.sealed_token).where(tables.access_key.c.id == "ASIA1")
        assert b"a token" not in tx.execute(sealed).scalar_one()
        assert access_keys.reseal(tx, old=old, new=new) == 2
        assert access_keys.reseal(tx, old=old, new=new) == 0
        assert access_keys.find(tx, "ASIA1", opened_by=new) == TEMPORARY


def test_a_temporary_key_that_has_expired_is_found_until_it_is_forgotten_or_its_role_goes(
    with_key: Catalog,
) -> None:
    assert TEMPORARY.expires_at is not None
    later = TEMPORARY.expires_at + timedelta(days=2)
    with with_key.begin() as tx:
        access_keys.insert_key(tx, TEMPORARY, sealed_by=access_keys.box(ROOT_KEY))
        access_keys.insert_key(tx, replace(TEMPORARY, id="ASIA2"), sealed_by=access_keys.box(ROOT_KEY))
    lookup = access_keys.KeyLookup(with_key, ROOT_KEY)
    assert lookup.find("ASIA1", now=later) == TEMPORARY, "the wire says that it has expired"
    with with_key.begin() as tx:
        access_keys.delete_issued_by(tx, "arn:other")
        access_keys.delete_expired(tx, before=TEMPORARY.expires_at)
        assert access_keys.facts(tx, "ASIA1") is not None
        assert access_keys.lasting(tx, TEMPORARY.principal_arn) == []
        access_keys.delete_issued_by(tx, str(TEMPORARY.issuer_arn))
        assert access_keys.facts(tx, "ASIA2") is None


def test_a_use_is_noted_once_in_a_while(with_key: Catalog) -> None:
    lookup = access_keys.KeyLookup(with_key, ROOT_KEY)
    for minutes, service in ((0, "backup"), (14, "iam"), (15, "sts")):
        now = NOW + timedelta(minutes=minutes)
        lookup.note_use(KEY.id, service=service, site="here", now=now)
        with with_key.read() as tx:
            found = access_keys.facts(tx, KEY.id)
        assert found is not None
        assert found.last_used_service == ("sts" if minutes == 15 else "backup")
