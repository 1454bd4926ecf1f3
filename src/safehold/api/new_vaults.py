"""How a vault of any type comes into being."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.api.call import Call
from safehold.core.errors import AlreadyExists
from safehold.domain import tags as tag_rules
from safehold.domain.events import of_vault
from safehold.domain.quotas import check_room
from safehold.domain.vaults import Vault, VaultType
from safehold.records import events, sites, tags, vaults


def insert(call: Call, wanted: Vault, new_tags: Mapping[str, str] | None) -> Vault:
    """The vault, made now, and the site with its first one; or the one that the same request has made before.

    Raises AlreadyExists when another request has taken its name, LimitExceeded.
    Source: docs/parity/vaults.md, "create".
    """
    checked_tags = tag_rules.added({}, new_tags or {})
    known = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=wanted.name)
    if known is None:
        _check_quota(call)
        sites.ensure(call.tx, call.site, now=call.now)
        if vaults.insert_if_new(call.tx, wanted):
            tags.put(call.tx, wanted.arn, checked_tags)
            events.add(call.tx, of_vault(wanted, "CREATED", at=call.now))
            return wanted
        # RACE: another request took the name since we looked.
        known = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=wanted.name)
    if known is None or not _is_replay(wanted, of=known):
        raise AlreadyExists(
            "Backup vault with the same name already exists",
            arn=wanted.arn,
            creator_request_id=None if known is None else known.creator_request_id,
        )
    return known


def _is_replay(wanted: Vault, *, of: Vault) -> bool:
    """Is it the request that made the vault, sent again? SDKs make an id of their own for each request."""
    is_same_request = wanted.creator_request_id is not None and (
        wanted.creator_request_id == of.creator_request_id
    )
    return is_same_request and _asked_for(wanted) == _asked_for(of)


def _asked_for(vault: Vault) -> tuple[object, ...]:
    """What a request says of its vault; an ordinary one may have been locked since."""
    if vault.vault_type is not VaultType.AIR_GAPPED:
        return (vault.key_arn, vault.vault_type)
    return (vault.key_arn, vault.vault_type, vault.min_retention_days, vault.max_retention_days)


def _check_quota(call: Call) -> None:
    there_are = vaults.count(call.tx, account_id=call.account_id, site=call.site)
    check_room(call.config.quotas.vaults, there_are, "backup vaults in a Region")
