"""An installation is made once, whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from safehold.core.errors import AlreadyInstalled, ConfigError, InvalidParameterValue, RootKeyError
from safehold.core.secrets import RootKey
from safehold.domain.roles import check_assumable
from safehold.records import access_keys, installation, roles, settings, sites, tables, vaults
from safehold.records.engine import Catalog
from tests.records.samples import NOW

ROOT_KEY = RootKey(b"k" * 32)


def make(catalog: Catalog, **changes: str) -> installation.Installation:
    wanted = {"region": "us-east-1", "storage_url": "file:///vaults", **changes}
    return installation.create(catalog, ROOT_KEY, now=NOW, **wanted)


def test_everything_that_a_client_needs_is_there(catalog: Catalog) -> None:
    made = make(catalog)
    key = access_keys.KeyLookup(catalog, ROOT_KEY).find(made.access_key_id, now=NOW)
    assert key is not None
    assert (key.secret, key.account_id) == (made.secret_access_key, made.account_id)
    assert key.principal_arn == f"arn:aws:iam::{made.account_id}:root"
    with catalog.read() as tx:
        assert sites.storage_url(tx, "us-east-1") == "file:///vaults"
        assert vaults.find(tx, account_id=made.account_id, site="us-east-1", name="Default") is not None
        arn = f"arn:aws:iam::{made.account_id}:role/service-role/AWSBackupDefaultServiceRole"
        check_assumable(roles.find(tx, arn), arn)
        assert installation.find_account(tx) == made.account_id


def test_an_empty_database_is_given_its_tables(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path}/new.db")
    assert make(catalog, account_id="123456789012").account_id == "123456789012"
    catalog.close()


def test_a_second_installation_is_refused_and_changes_nothing(catalog: Catalog) -> None:
    make(catalog)
    with pytest.raises(AlreadyInstalled):
        make(catalog)
    with catalog.read() as tx:
        assert tx.execute(select(func.count()).select_from(tables.access_key)).scalar_one() == 1


def test_a_region_that_cannot_name_a_site_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidParameterValue):
        make(catalog, region="No Such Thing")


def test_the_wrong_root_key_is_told_at_once(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match="no installation"):
        installation.check_root_key(catalog, ROOT_KEY)
    make(catalog)
    installation.check_root_key(catalog, ROOT_KEY)
    with pytest.raises(RootKeyError):
        installation.check_root_key(catalog, RootKey(b"x" * 32))


def test_the_secret_is_not_shown_by_accident(catalog: Catalog) -> None:
    made = make(catalog)
    assert made.secret_access_key not in repr(made)


def test_settings_are_merged_by_name(catalog: Catalog) -> None:
    made = make(catalog)
    with catalog.begin() as tx:
        settings.put(tx, made.account_id, "us-east-1", {"opt-in/EFS": True, "opt-in_x": 1}, now=NOW)
        settings.put(tx, made.account_id, "us-east-1", {"opt-in/EFS": False, "opt-in/S3": True}, now=NOW)
        found = settings.with_prefix(tx, made.account_id, "us-east-1", "opt-in/")
        assert found == {"EFS": False, "S3": True}
        assert settings.with_prefix(tx, made.account_id, "eu-west-1", "") == {}
