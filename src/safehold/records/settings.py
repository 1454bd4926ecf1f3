"""Settings of an account in a site as rows: small JSON values by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from safehold.domain.resource_types import AWS_TYPES, MANAGEMENT_CHOICES
from safehold.domain.vaults import Vault
from safehold.records.dialect import insert_into
from safehold.records.tables import setting as t
from safehold.records.tx import Tx

Value = str | int | bool | None

EVERYWHERE = "*"  # in place of a site
GLOBAL = "global/"  # and one of the names below: "true" or "false"
# Source: AWS Backup Developer Guide, "Managing across accounts".
GLOBAL_SETTINGS = ("isCrossAccountBackupEnabled", "isMpaEnabled", "isDelegatedAdministratorEnabled")
OPT_IN = "opt-in/"  # and a resource type: a bool, `ResourceTypeOptInPreference` of the region settings
KEY_EXPORT = "key-export/"  # and a vault's id: a bool
CAN_LOCK = "can-lock/"  # likewise
MANAGEMENT = "management/"  # likewise, `ResourceTypeManagementPreference`


def opt_ins(tx: Tx, account_id: str, site: str) -> dict[str, bool]:
    """For every type of AWS: do selections by tag or pattern reach it? Yes, unless the account says no."""
    chosen = with_prefix(tx, account_id, site, OPT_IN)
    return {name: bool(chosen.get(name, True)) for name in AWS_TYPES}


def put_opt_ins(tx: Tx, account_id: str, site: str, wanted: Mapping[str, bool], *, now: datetime) -> None:
    """These types have these preferences; others keep theirs."""
    put(tx, account_id, site, {OPT_IN + name: value for name, value in wanted.items()}, now=now)


def management(tx: Tx, account_id: str, site: str) -> dict[str, bool]:
    """For every type where AWS leaves the choice: are its points wholly AWS Backup's?"""
    chosen = with_prefix(tx, account_id, site, MANAGEMENT)
    return {name: bool(chosen.get(name, default)) for name, default in MANAGEMENT_CHOICES.items()}


def put_management(tx: Tx, account_id: str, site: str, wanted: Mapping[str, bool], *, now: datetime) -> None:
    """These types have these preferences; others keep theirs. Noted only: points here are always managed."""
    put(tx, account_id, site, {MANAGEMENT + name: value for name, value in wanted.items()}, now=now)


def global_settings(tx: Tx, account_id: str) -> tuple[dict[str, str], datetime | None]:
    """All settings of the account that hold in every site, and when one of them was last put."""
    chosen = with_prefix(tx, account_id, EVERYWHERE, GLOBAL)
    values = {name: str(chosen.get(name, "false")) for name in GLOBAL_SETTINGS}
    where = (t.c.account_id == account_id, t.c.site == EVERYWHERE, t.c.name.startswith(GLOBAL))
    moments = tx.execute(select(t.c.updated_at).where(*where)).scalars().all()
    return values, max(moments, default=None)


def put_global(tx: Tx, account_id: str, wanted: Mapping[str, str], *, now: datetime) -> None:
    """These settings have these values in every site; others keep theirs."""
    put(tx, account_id, EVERYWHERE, {GLOBAL + name: value for name, value in wanted.items()}, now=now)


def put_key_export(tx: Tx, vault: Vault, *, is_proved: bool, now: datetime) -> None:
    """It is known whether an export of the vault's present keys was proved to open it."""
    put(tx, vault.account_id, vault.site, {KEY_EXPORT + vault.id: is_proved}, now=now)


def key_export_is_proved(tx: Tx, vault: Vault) -> bool:
    """Was an export of the vault's present keys proved to open it? Locking a vault is refused until then.

    A copy for those who hold no vault keys; the vault itself says it in an amendment
    (store/custody/key_proof.py).
    """
    found = with_prefix(tx, vault.account_id, vault.site, KEY_EXPORT + vault.id)
    return found.get("") is True


def put_can_lock(tx: Tx, vault: Vault, *, can_lock: bool, now: datetime) -> None:
    """It is known whether objects can be locked where the vault lives."""
    put(tx, vault.account_id, vault.site, {CAN_LOCK + vault.id: can_lock}, now=now)


def may_lock(tx: Tx, vault: Vault) -> bool:
    """Can objects be locked where the vault lives? Yes, unless it is known that they cannot."""
    return with_prefix(tx, vault.account_id, vault.site, CAN_LOCK + vault.id).get("") is not False


def put(tx: Tx, account_id: str, site: str, values: Mapping[str, Value], *, now: datetime) -> None:
    """These settings have these values; others stay."""
    for name, value in values.items():
        row = {"account_id": account_id, "site": site, "name": name, "value": value, "updated_at": now}
        query = insert_into(tx, t).values(row)
        newest = {"value": query.excluded.value, "updated_at": query.excluded.updated_at}
        tx.execute(query.on_conflict_do_update(index_elements=["account_id", "site", "name"], set_=newest))


def with_prefix(tx: Tx, account_id: str, site: str, prefix: str) -> dict[str, Value]:
    """Settings that were ever put whose names begin so, by what comes behind the prefix."""
    where = (t.c.account_id == account_id, t.c.site == site, t.c.name.startswith(prefix, autoescape=True))
    rows = tx.execute(select(t.c.name, t.c.value).where(*where).order_by(t.c.name))
    return {row.name.removeprefix(prefix): row.value for row in rows}


def opted_out(tx: Tx, account_id: str, site: str) -> set[str]:
    """Resource types that the site's settings switch off; a type never set is switched on."""
    return {name for name, is_on in with_prefix(tx, account_id, site, OPT_IN).items() if is_on is False}
