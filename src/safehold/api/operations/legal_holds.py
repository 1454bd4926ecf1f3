"""Operations on legal holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.once import once
from safehold.api.pages import Moment, page_by_time
from safehold.core.errors import InvalidParameterValue, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain import arns
from safehold.domain import tags as tag_rules
from safehold.domain.legal_holds import HoldStatus, LegalHold, canceling, check_range, scopes
from safehold.domain.quotas import check_room
from safehold.domain.recovery_points import RecoveryPoint
from safehold.records import legal_holds, tags, vaults


@operation("CreateLegalHold")
def create_legal_hold(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing that the hold covers is deleted from now on; the same token again answers the first hold.

    Source: model 2018-11-15 `CreateLegalHold`; docs/parity/legal-holds.md.
    """
    answer = once(call, req, lambda: {"LegalHoldId": _create(call, req)})
    return _created(_get(call, answer["LegalHoldId"]))


@operation("GetLegalHold")
def get_legal_hold(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One hold, as long as its record is kept. Source: model 2018-11-15 `GetLegalHold`."""
    hold = _get(call, req["LegalHoldId"])
    return {
        **_created(hold),
        "CancellationDate": hold.canceled_at,
        "CancelDescription": hold.cancel_description,
        "RetainRecordUntil": hold.retain_until,
    }


@operation("CancelLegalHold")
def cancel_legal_hold(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The hold is being let go: CANCELED once the stores have let go, too.

    Source: model 2018-11-15 `CancelLegalHold`; docs/parity/legal-holds.md.
    """
    hold = _get(call, req["LegalHoldId"], to_change=True)
    going = canceling(hold, req["CancelDescription"], req.get("RetainRecordInDays"), call.now)
    names = ("status", "cancel_description", "canceled_at", "retain_until")
    values = {name: value for name, value in asdict(going).items() if name in names}
    legal_holds.update_hold(call.tx, hold.id, from_status=hold.status, **values)
    return {}


@operation("ListLegalHolds")
def list_legal_holds(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Holds of this account and site, newest first. Source: model 2018-11-15 `ListLegalHolds`."""

    def fetch(after: Moment | None, limit: int) -> list[LegalHold]:
        return legal_holds.page(call.tx, account_id=call.account_id, site=call.site, after=after, limit=limit)

    found, token = page_by_time(call, req, fetch, moment=lambda hold: (hold.created_at, hold.id))
    return {"LegalHolds": [_listed(hold) for hold in found], "NextToken": token}


@operation("ListRecoveryPointsByLegalHold")
def list_recovery_points_by_legal_hold(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Points that the hold covers, newest first. Source: model `ListRecoveryPointsByLegalHold`."""
    hold_id = req["LegalHoldId"]
    if legal_holds.find(call.tx, hold_id, account_id=call.account_id, site=call.site) is None:
        raise InvalidParameterValue(f"Cannot find legal hold {hold_id}")

    def fetch(after: Moment | None, limit: int) -> list[RecoveryPoint]:
        return legal_holds.page_of_points(call.tx, hold_id, after=after, limit=limit)

    found, token = page_by_time(call, req, fetch, moment=lambda point: (point.created_at, point.id))
    names: dict[str, str | None] = {}
    for vault_id in {point.vault_id for point in found}:
        vault = vaults.find_by_id(call.tx, vault_id)
        names[vault_id] = None if vault is None else vault.name
    shown = [
        {
            "RecoveryPointArn": point.arn,
            "ResourceArn": point.resource_arn,
            "ResourceType": point.resource_type,
            "BackupVaultName": names[point.vault_id],
        }
        for point in found
    ]
    return {"RecoveryPoints": shown, "NextToken": token}


def _create(call: Call, req: Mapping[str, Any]) -> str:
    """A new hold; returns its id."""
    hold = _wanted(call, req)
    new_tags = tag_rules.added({}, req.get("Tags") or {})
    vault_ids = _vault_ids(call, hold)
    _check_quota(call)
    legal_holds.insert_hold(call.tx, hold, scopes(hold, vault_ids))
    tags.put(call.tx, hold.arn, new_tags)
    return hold.id


def _wanted(call: Call, req: Mapping[str, Any]) -> LegalHold:
    for name in ("Title", "Description"):
        if not req[name].strip():
            raise InvalidParameterValue(f"{name} must not be empty")
    selection = req.get("RecoveryPointSelection") or {}
    dates = selection.get("DateRange") or {}
    check_range(dates.get("FromDate"), dates.get("ToDate"))
    resource_arns = tuple(dict.fromkeys(selection.get("ResourceIdentifiers") or ()))
    for arn in resource_arns:
        if arns.resource_type_of(arn) is None:
            raise InvalidParameterValue(f"Unsupported resource type: {arn}")
    hold_id = new_id()
    return LegalHold(
        id=hold_id,
        arn=call.arn("legal-hold", hold_id),
        account_id=call.account_id,
        site=call.site,
        title=req["Title"],
        description=req["Description"],
        status=HoldStatus.CREATING,
        created_at=call.now,
        vault_names=tuple(dict.fromkeys(selection.get("VaultNames") or ())),
        resource_arns=resource_arns,
        from_at=dates.get("FromDate"),
        to_at=dates.get("ToDate"),
    )


def _vault_ids(call: Call, hold: LegalHold) -> dict[str, str]:
    """Raises InvalidParameterValue for a vault that is not there: it would hold nothing."""
    found = {}
    for name in hold.vault_names:
        vault = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=name)
        if vault is None:
            raise InvalidParameterValue(f"Cannot find backup vault {name}")
        found[name] = vault.id
    return found


def _check_quota(call: Call) -> None:
    there_are = legal_holds.count_standing(call.tx, account_id=call.account_id, site=call.site)
    check_room(call.config.quotas.legal_holds, there_are, "legal holds in a Region")


def _get(call: Call, hold_id: str, *, to_change: bool = False) -> LegalHold:
    found = legal_holds.find(
        call.tx, hold_id, account_id=call.account_id, site=call.site, to_change=to_change
    )
    if found is None:
        raise ResourceNotFound(f"Cannot find legal hold {hold_id}", context=hold_id)
    return found


def _listed(hold: LegalHold) -> dict[str, Any]:
    return {
        "Title": hold.title,
        "Status": hold.status,
        "Description": hold.description,
        "LegalHoldId": hold.id,
        "LegalHoldArn": hold.arn,
        "CreationDate": hold.created_at,
        "CancellationDate": hold.canceled_at,
    }


def _created(hold: LegalHold) -> dict[str, Any]:
    shown = _listed(hold) | {"RecoveryPointSelection": _selection(hold)}
    del shown["CancellationDate"]  # no member of it
    return shown


def _selection(hold: LegalHold) -> dict[str, Any]:
    has_range = hold.from_at is not None and hold.to_at is not None
    return {
        "VaultNames": list(hold.vault_names),
        "ResourceIdentifiers": list(hold.resource_arns),
        "DateRange": {"FromDate": hold.from_at, "ToDate": hold.to_at} if has_range else None,
    }
