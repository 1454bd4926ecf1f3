"""Operations on tiering configurations. They are kept and shown; nothing is tiered yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.pages import page_by_name
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import AlreadyExists, InvalidParameterValue, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain import tags as tag_rules
from safehold.domain.tiering import (
    ALL_VAULTS,
    TieredResources,
    TieringConfiguration,
    check_name,
    check_selections,
)
from safehold.records import tags, tiering, vaults


@operation("CreateTieringConfiguration")
def create_tiering_configuration(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """A new configuration, of a new name and for a vault that has none; the same request again answers it.

    Source: model 2018-11-15 `CreateTieringConfiguration`; docs/parity/tiering.md.
    """
    wanted = _wanted(call, req)
    new_tags = tag_rules.added({}, req.get("TieringConfigurationTags") or {})
    known = tiering.find(call.tx, wanted.name, account_id=call.account_id, site=call.site)
    if known is not None and _is_replay(wanted, known):
        return _created(known)
    if known is not None or not tiering.insert_if_new(call.tx, wanted):
        raise _taken(call, wanted)
    tags.put(call.tx, wanted.arn, new_tags)
    return _created(wanted)


@operation("GetTieringConfiguration")
def get_tiering_configuration(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One configuration. Source: model 2018-11-15 `GetTieringConfiguration`."""
    found = _get(call, req)
    selections = [
        {
            "Resources": list(each.resources),
            "TieringDownSettingsInDays": each.days,
            "ResourceType": each.resource_type,
        }
        for each in found.selections
    ]
    shown = _listed(found) | {
        "ResourceSelection": selections,
        "CreatorRequestId": found.creator_request_id,
    }
    return {"TieringConfiguration": shown}


@operation("UpdateTieringConfiguration")
def update_tiering_configuration(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration has this vault and these selections instead; its name stays.

    Source: model 2018-11-15 `UpdateTieringConfiguration`; docs/parity/tiering.md.
    """
    found = _get(call, req)
    given = req["TieringConfiguration"]
    vault_name, selections = given["BackupVaultName"], _selections(given)
    _check_vault(call, vault_name)
    holder = tiering.find_of_vault(call.tx, vault_name, account_id=call.account_id, site=call.site)
    if holder is not None and holder.arn != found.arn:
        raise _taken(call, holder)
    changed = replace(found, vault_name=vault_name, selections=selections, updated_at=call.now)
    tiering.replace_configuration(call.tx, changed)
    return _created(changed) | {"LastUpdatedTime": call.now}


@operation("DeleteTieringConfiguration")
def delete_tiering_configuration(call: Call, req: Mapping[str, Any]) -> None:
    """The configuration is gone; what was tiered stays. Source: model `DeleteTieringConfiguration`."""
    found = _get(call, req)
    tiering.delete_configuration(call.tx, found.arn)
    tags.delete_all(call.tx, found.arn)


@operation("ListTieringConfigurations")
def list_tiering_configurations(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Configurations by name. Source: model 2018-11-15 `ListTieringConfigurations`."""

    def fetch(after: str | None, limit: int) -> list[TieringConfiguration]:
        return tiering.page(call.tx, account_id=call.account_id, site=call.site, after=after, limit=limit)

    found, token = page_by_name(call, req, fetch, name=lambda each: each.name)
    return {"TieringConfigurations": [_listed(each) for each in found], "NextToken": token}


def _wanted(call: Call, req: Mapping[str, Any]) -> TieringConfiguration:
    given = req["TieringConfiguration"]
    name, vault_name = given["TieringConfigurationName"], given["BackupVaultName"]
    check_name(name)
    selections = _selections(given)
    _check_vault(call, vault_name)
    return TieringConfiguration(
        account_id=call.account_id,
        site=call.site,
        name=name,
        arn=call.arn("tiering-configuration", f"{name}-{new_id()}"),
        vault_name=vault_name,
        selections=selections,
        created_at=call.now,
        creator_request_id=creator_request_id(req),
    )


def _selections(given: Mapping[str, Any]) -> tuple[TieredResources, ...]:
    found = tuple(
        TieredResources(tuple(each["Resources"]), each["TieringDownSettingsInDays"], each["ResourceType"])
        for each in given["ResourceSelection"]
    )
    check_selections(found)
    return found


def _check_vault(call: Call, name: str) -> None:
    is_there = name == ALL_VAULTS or vaults.find(
        call.tx, account_id=call.account_id, site=call.site, name=name
    )
    if not is_there:
        raise InvalidParameterValue(f"Cannot find backup vault {name}")


def _is_replay(wanted: TieringConfiguration, known: TieringConfiguration) -> bool:
    is_same_request = wanted.creator_request_id is not None
    asked = (wanted.creator_request_id, wanted.vault_name, wanted.selections)
    return is_same_request and asked == (known.creator_request_id, known.vault_name, known.selections)


def _taken(call: Call, wanted: TieringConfiguration) -> AlreadyExists:
    where = {"account_id": call.account_id, "site": call.site}
    known = tiering.find(call.tx, wanted.name, **where) or tiering.find_of_vault(
        call.tx, wanted.vault_name, **where
    )
    return AlreadyExists(
        f"A tiering configuration of that name, or for backup vault {wanted.vault_name}, already exists",
        arn=None if known is None else known.arn,
        creator_request_id=None if known is None else known.creator_request_id,
    )


def _get(call: Call, req: Mapping[str, Any]) -> TieringConfiguration:
    name = req["TieringConfigurationName"]
    found = tiering.find(call.tx, name, account_id=call.account_id, site=call.site)
    if found is None:
        raise ResourceNotFound(f"Cannot find tiering configuration {name}", context=name)
    return found


def _created(configuration: TieringConfiguration) -> dict[str, Any]:
    return {
        "TieringConfigurationArn": configuration.arn,
        "TieringConfigurationName": configuration.name,
        "CreationTime": configuration.created_at,
    }


def _listed(configuration: TieringConfiguration) -> dict[str, Any]:
    return _created(configuration) | {
        "BackupVaultName": configuration.vault_name,
        "LastUpdatedTime": configuration.updated_at,
    }
