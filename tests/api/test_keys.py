"""Requests are signed with keys of the catalog, sealed there under the root key."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert

from safehold.api.keys import keys_of
from safehold.core.secrets import RootKey
from safehold.domain.access_keys import AccessKey
from safehold.records.access_keys import KeyLookup, box, insert_key
from safehold.records.engine import Catalog
from safehold.records.tables import account
from tests.api.conftest import ACCOUNT, NOW, ROOT

KEY = AccessKey("AKIA1", ACCOUNT, ROOT.arn, ROOT.user_id, secret="s3cret", created_at=NOW)


def test_a_key_of_the_catalog_is_found_while_it_may_be_used(catalog: Catalog) -> None:
    root_key = RootKey(b"r" * 32)
    soon = NOW + timedelta(hours=1)
    with catalog.begin() as tx:
        tx.execute(insert(account).values(id=ACCOUNT, name="main", created_at=NOW))
        insert_key(tx, KEY, sealed_by=box(root_key))
        insert_key(tx, replace(KEY, id="AKIA2", expires_at=soon), sealed_by=box(root_key))
        insert_key(tx, replace(KEY, id="AKIA3", status="Inactive"), sealed_by=box(root_key))
    find = keys_of(KeyLookup(catalog, root_key))

    found = find("AKIA1", NOW)
    assert found is not None
    assert (found.secret, found.principal, found.session_token) == ("s3cret", ROOT, None)
    assert find("AKIA2", NOW) is not None
    assert find("AKIA2", soon) is None
    assert find("AKIA3", NOW) is None
    assert find("AKIA4", NOW) is None
