"""The rows that an installation begins with, all made at once or none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select

from safehold.core import ids
from safehold.core.errors import AlreadyInstalled, ConfigError, RootKeyError
from safehold.core.secrets import RootKey
from safehold.domain import arns
from safehold.domain.access_keys import AccessKey
from safehold.domain.aws_policies import OF_DEFAULT_ROLE
from safehold.domain.roles import BACKUP_SERVICE, DEFAULT_ROLE_NAME, DEFAULT_ROLE_PATH, Role, trust
from safehold.domain.vaults import DEFAULT_VAULT, Vault, check_site_name
from safehold.records import access_keys, identities, roles, schema, sites, vaults
from safehold.records.dialect import take_turns
from safehold.records.engine import Catalog
from safehold.records.tables import access_key, account
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class Installation:
    """What a new installation's owner needs to know. The secret is told once: the catalog holds it sealed."""

    account_id: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


def create(
    catalog: Catalog,
    root_key: RootKey,
    *,
    region: str,
    storage_url: str,
    now: datetime,
    account_id: str = "",
) -> Installation:
    """Make the account, its root principal's key, the first site, the vault `Default`, the default role.

    Upgrades the catalog first. `account_id` "" takes a fresh one. Raises AlreadyInstalled, and changes
    nothing, when the catalog holds an account; InvalidParameterValue for what cannot name a site.
    """
    check_site_name(region)
    schema.upgrade(catalog)
    made = Installation(
        account_id=account_id or ids.new_account_id(),
        region=region,
        access_key_id=ids.new_access_key_id(),
        secret_access_key=ids.new_secret_access_key(),
    )
    with catalog.begin() as tx:
        take_turns(tx, "safehold installation")
        found = find_account(tx)
        if found is not None:
            raise AlreadyInstalled(f"the catalog holds the installation of account {found}")
        _insert_account(tx, made, root_key, now=now)
        sites.insert_site(tx, region, storage_url=storage_url, now=now)
        vaults.insert_if_new(tx, _default_vault(made, now))
        role = _default_role(made, now)
        roles.insert_role(tx, role)
        identities.attach(tx, [role.arn], OF_DEFAULT_ROLE)
    return made


def find_account(tx: Tx) -> str | None:
    """The account that the installation was made with; None when there is no installation."""
    return tx.execute(select(account.c.id).order_by(account.c.created_at, account.c.id).limit(1)).scalar()


def account_created_at(tx: Tx, account_id: str) -> datetime | None:
    return tx.execute(select(account.c.created_at).where(account.c.id == account_id)).scalar()


def find_made(catalog: Catalog, root_key: RootKey, *, region: str, storage_url: str) -> Installation | None:
    """What `create` made with the same arguments, its key told again: for whom a crash kept from hearing it.

    None when there is no installation, or one of another root key, region or storage. It tells nothing that
    the holder of the root key could not read anyway.
    """
    with catalog.read() as tx:
        account_id = find_account(tx)
        if account_id is None or sites.storage_url(tx, region) != storage_url:
            return None
        first = select(access_key.c.id).order_by(access_key.c.created_at).limit(1)
        key_id = tx.execute(first.where(access_key.c.account_id == account_id)).scalar_one()
        try:
            key = access_keys.find(tx, key_id, opened_by=access_keys.box(root_key))
        except RootKeyError:
            return None
    return None if key is None else Installation(account_id, region, key.id, key.secret)


def check_root_key(catalog: Catalog, root_key: RootKey) -> None:
    """Raises RootKeyError when this is not the key that the installation's secrets are sealed under.

    Raises ConfigError when the catalog holds no installation.
    """
    with catalog.read() as tx:
        key_id = tx.execute(select(access_key.c.id).order_by(access_key.c.created_at).limit(1)).scalar()
        if key_id is None:
            raise ConfigError("the catalog holds no installation")
        access_keys.find(tx, key_id, opened_by=access_keys.box(root_key))


def _insert_account(tx: Tx, made: Installation, root_key: RootKey, *, now: datetime) -> None:
    tx.execute(insert(account).values(id=made.account_id, name="main", created_at=now))
    key = AccessKey(
        id=made.access_key_id,
        account_id=made.account_id,
        principal_arn=arns.root_arn(made.account_id),
        user_id=made.account_id,
        secret=made.secret_access_key,
        created_at=now,
    )
    access_keys.insert_key(tx, key, sealed_by=access_keys.box(root_key))


def _default_vault(made: Installation, now: datetime) -> Vault:
    return Vault(
        id=ids.new_id(),
        account_id=made.account_id,
        site=made.region,
        name=DEFAULT_VAULT,
        arn=arns.vault_arn(made.region, made.account_id, DEFAULT_VAULT),
        key_arn=arns.default_key_arn(made.region, made.account_id),
        created_at=now,
    )


def _default_role(made: Installation, now: datetime) -> Role:
    return Role(
        arn=arns.role_arn(made.account_id, DEFAULT_ROLE_PATH, DEFAULT_ROLE_NAME),
        account_id=made.account_id,
        role_id=ids.new_role_id(),
        path=DEFAULT_ROLE_PATH,
        name=DEFAULT_ROLE_NAME,
        trust_policy=trust(BACKUP_SERVICE),
        created_at=now,
    )
