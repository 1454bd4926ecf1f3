"""What `keys export`, `prove` and `import` do: recovery kits, made and put to the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from safehold.cli.installation import Installation
from safehold.cli.rotating import Row, uuid_text
from safehold.cli.working import vault_access
from safehold.core.errors import (
    ConfigError,
    KeyMismatch,
    KitError,
    ObjectMissing,
    ResourceNotFound,
    StoreError,
    StoreUnavailable,
)
from safehold.domain.vaults import Vault
from safehold.jobs.vaults import VaultAccess, place_of, store_id
from safehold.records import settings, sites, vaults
from safehold.store.backends.contract import Backend, locking
from safehold.store.custody.key_proof import prove_export
from safehold.store.custody.key_rotation import put_back
from safehold.store.custody.recovery_kit import make_kit, parse_kit
from safehold.store.sealed.keys import OpenedKeys, VaultKeys, newest_keys

PASSPHRASE_VARIABLE = "SAFEHOLD_KIT_PASSPHRASE"
MIN_PASSPHRASE = 12  # characters; the derivation makes each guess dear, it does not make a word a secret

PAGE = """\
SAFEHOLD RECOVERY KIT

This page opens the vaults below without the installation that made them. Whoever
holds it{and_passphrase} and a vault's storage can read the vault. Keep it away from both.

made      {made_at}
account   {account_id}
keys      {provider}
secret    {protection}
{vaults}

What to do with it: type the numbered lines below into a file KIT (blanks and
capitals do not matter; each line has its own check at its end), then

  safehold keys recover KIT VAULT_FOLDER                        lists recovery points
  safehold keys recover KIT VAULT_FOLDER --point ID --to DIR    restores one
  safehold keys import KIT                                      lets an installation open them

or without Safehold: docs/formats/recovery-kit.md and tests/formats/read_kit.py.

{lines}
"""


def export_kit(installation: Installation, names: Sequence[str], *, passphrase: str | None) -> dict[str, Any]:
    """The page, and the vaults on it: of these names, or all that have keys. Raises ResourceNotFound."""
    access = vault_access(installation)
    chosen = dict(_keys_of_vaults(installation, access, names))
    if not chosen:
        raise ResourceNotFound("There is no vault with keys yet: the first backup makes them.")
    lines = make_kit({store_id(vault): keys for vault, keys in chosen.items()}, passphrase=passphrase)
    page = PAGE.format(
        and_passphrase=" with its passphrase" if passphrase is not None else "",
        made_at=f"{installation.clock.now():%Y-%m-%d %H:%M} UTC",
        account_id=installation.account_id,
        provider=f"wrapped by {access.provider.describe()}",
        protection="sealed under the passphrase" if passphrase is not None else "IN THE CLEAR on this page",
        vaults="\n".join(f"vault     {vault.id}  {vault.name} ({vault.site})" for vault in chosen),
        lines="\n".join(lines),
    )
    rows = [
        {"vault": vault.name, "site": vault.site, "vault_id": vault.id, "epoch": keys.newest_epoch}
        for vault, keys in chosen.items()
    ]
    return {"is_protected": passphrase is not None, "vaults": rows, "kit": page}


def _keys_of_vaults(
    installation: Installation, access: VaultAccess, names: Sequence[str]
) -> list[tuple[Vault, VaultKeys]]:
    with installation.catalog.read() as tx:
        known = vaults.every(tx)
    unknown = sorted(set(names) - {vault.name for vault in known})
    if unknown:
        raise ResourceNotFound(f"Cannot find backup vault {', '.join(unknown)}.")
    found = []
    for vault in known:
        if names and vault.name not in names:
            continue
        try:
            opened = newest_keys(access.place(vault), access.provider, store_id(vault))
        except (ObjectMissing, StoreUnavailable):
            if vault.point_count:
                raise
            if not names:
                continue  # it gets its keys with its first backup
            opened = _made_now(access, vault)  # asked for by name, as before an empty vault is locked
        found.append((vault, opened.keys))
    return found


def _made_now(access: VaultAccess, vault: Vault) -> OpenedKeys:
    store = access.for_writing(vault)
    return newest_keys(store.backend, access.provider, store_id(vault))


def write_kit(path: Path, page: str) -> None:
    """A new file, its owner's alone. Raises ConfigError when one is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise ConfigError(f"cannot write the kit to {path}: {error.strerror}") from error


def new_passphrase(path: Path | None) -> str:
    """For a new kit. Raises ConfigError for one that is too short to protect anything."""
    passphrase = _passphrase(path, confirm=True)
    if len(passphrase) < MIN_PASSPHRASE:
        raise ConfigError(f"a passphrase has at least {MIN_PASSPHRASE} characters; five or six words do well")
    return passphrase


def open_kit(text: str, path: Path | None) -> dict[bytes, VaultKeys]:
    """The keys on a page. Raises KitError."""
    kit = parse_kit(text)
    return kit.open(_passphrase(path, confirm=False) if kit.is_protected else None)


def _passphrase(path: Path | None, *, confirm: bool) -> str:
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the passphrase from {path}: {error}") from error
    told = os.environ.get(PASSPHRASE_VARIABLE)
    if told is not None:
        return told
    if not sys.stdin.isatty():
        untold = KitError("nobody told the kit's passphrase")
        untold.hint = f"Use --passphrase-file FILE, or set {PASSPHRASE_VARIABLE}."
        raise untold
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer


def prove_kit(installation: Installation, keys: Mapping[bytes, VaultKeys]) -> list[Row]:
    """What came of each vault of the kit; that its export was proved is on record for those that are well."""
    access = vault_access(installation)
    return [_proved(installation, access, vault_id, each) for vault_id, each in keys.items()]


def _proved(installation: Installation, access: VaultAccess, vault_id: bytes, keys: VaultKeys) -> Row:
    with installation.catalog.read() as tx:
        vault = vaults.find_by_id(tx, uuid_text(vault_id))
    if vault is None:
        return _row(None, vault_id, keys, "this installation does not know it", is_well=False)
    now = installation.clock.now()
    try:
        store = access.for_reading(vault)
        opened = prove_export(store, keys, written_at=int(now.timestamp() * 1_000_000))
    except StoreError as error:
        return _row(vault, vault_id, keys, str(error), is_well=False)
    with installation.catalog.begin() as tx:
        settings.put_key_export(tx, vault, is_proved=True, now=now)
        settings.put_can_lock(tx, vault, can_lock=locking(store.backend) is not None, now=now)
    return _row(vault, vault_id, keys, f"proved: its keys, and {opened} points opened", is_well=True)


def import_kit(installation: Installation, keys: Mapping[bytes, VaultKeys]) -> list[Row]:
    """Each vault of the kit that lies where a site keeps vaults opens with this installation's provider."""
    provider = vault_access(installation).provider
    rows = []
    for vault_id, each in keys.items():
        with installation.catalog.read() as tx:
            vault = vaults.find_by_id(tx, uuid_text(vault_id))
        try:
            number = put_back(_find_place(installation, vault_id), vault_id, provider, each)
            state = "it opened already" if number is None else f"opens by keys/{number}"
            rows.append(_row(vault, vault_id, each, state, is_well=True))
        except StoreError as error:
            rows.append(_row(vault, vault_id, each, str(error), is_well=False))
    return rows


def _find_place(installation: Installation, vault_id: bytes) -> Backend:
    with installation.catalog.read() as tx:
        known = sites.names(tx)
    error: StoreUnavailable | KeyMismatch = KeyMismatch("this installation has no site")
    for site in known:
        try:
            return place_of(installation.catalog, site, uuid_text(vault_id))
        except StoreUnavailable as unavailable:
            error = unavailable
    raise error


def _row(vault: Vault | None, vault_id: bytes, keys: VaultKeys, state: str, *, is_well: bool) -> Row:
    return {
        "vault": vault.name if vault else uuid_text(vault_id),
        "site": vault.site if vault else None,
        "vault_id": uuid_text(vault_id),
        "key_object": None,
        "epoch": keys.newest_epoch,
        "state": state,
        "is_well": is_well,
    }
