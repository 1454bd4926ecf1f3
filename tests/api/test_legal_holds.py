"""Legal holds through the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from safehold.core.errors import (
    InvalidParameterValue,
    InvalidRequest,
    InvalidResourceState,
    LimitExceeded,
    ResourceNotFound,
)
from safehold.domain.quotas import AWS_QUOTAS
from tests.api.job_world import NOW, POINT, SHARE, TREE, World

DAY = timedelta(days=1)
CASE = {"Title": "case", "Description": "17/2030"}


def hold(world: World, **members: Any) -> dict[str, Any]:
    return dict(world.client().call("CreateLegalHold", **CASE | members))


def held(world: World, hold_id: str) -> list[str]:
    answer = world.client().call("ListRecoveryPointsByLegalHold", LegalHoldId=hold_id)
    return [point["RecoveryPointArn"] for point in answer["RecoveryPoints"]]


def test_a_hold_is_shown_as_it_was_asked_for(world: World) -> None:
    selection = {
        "VaultNames": ["Main"],
        "ResourceIdentifiers": [TREE],
        "DateRange": {"FromDate": NOW - DAY, "ToDate": NOW},
    }
    made = hold(world, RecoveryPointSelection=selection, Tags={"for": "court"})
    assert made.items() >= {**CASE, "Status": "CREATING", "CreationDate": NOW}.items()
    assert made["RecoveryPointSelection"] == selection
    assert made["LegalHoldArn"].endswith(f":legal-hold:{made['LegalHoldId']}")
    client = world.client()
    assert client.call("GetLegalHold", LegalHoldId=made["LegalHoldId"]).items() >= made.items()
    (listed,) = client.call("ListLegalHolds")["LegalHolds"]
    assert made.items() >= {name: value for name, value in listed.items() if value is not None}.items()
    assert client.call("ListTags", ResourceArn=made["LegalHoldArn"])["Tags"] == {"for": "court"}
    (point,) = client.call("ListRecoveryPointsByLegalHold", LegalHoldId=made["LegalHoldId"])["RecoveryPoints"]
    assert point == {
        "RecoveryPointArn": POINT,
        "ResourceArn": TREE,
        "ResourceType": "EFS",
        "BackupVaultName": "Main",
    }


@pytest.mark.parametrize(
    ("selection", "covers"),
    [
        ({"VaultNames": ["Main"]}, True),
        ({"ResourceIdentifiers": [TREE]}, True),
        ({"ResourceIdentifiers": [SHARE]}, False),
        ({"VaultNames": ["Main"], "DateRange": {"FromDate": NOW - 2 * DAY, "ToDate": NOW - DAY}}, False),
        ({}, True),
        (None, True),
    ],
    ids=str,
)
def test_what_a_hold_covers_nobody_deletes(world: World, selection: dict | None, covers: bool) -> None:
    made = hold(world, RecoveryPointSelection=selection)
    assert held(world, made["LegalHoldId"]) == ([POINT] if covers else [])
    named = {"BackupVaultName": "Main", "RecoveryPointArn": POINT}
    if not covers:
        world.client().call("DeleteRecoveryPoint", **named)
        return
    with pytest.raises(InvalidRequest, match="legal hold"):
        world.client().call("DeleteRecoveryPoint", **named)


def test_a_hold_is_canceled_once_and_says_why(world: World) -> None:
    made, client = hold(world), world.client()
    named = {"LegalHoldId": made["LegalHoldId"]}
    assert client.call("CancelLegalHold", **named, CancelDescription="over", RetainRecordInDays=9) == {}
    shown = client.call("GetLegalHold", **named)
    assert (shown["Status"], shown["CancelDescription"]) == ("CANCELING", "over")
    assert (shown["CancellationDate"], shown["RetainRecordUntil"]) == (NOW, NOW + 9 * DAY)
    with pytest.raises(InvalidResourceState):
        client.call("CancelLegalHold", **named, CancelDescription="again")


def test_the_same_token_again_makes_no_second_hold(world: World) -> None:
    first = hold(world, IdempotencyToken="t")
    assert hold(world, IdempotencyToken="t") == first
    with pytest.raises(InvalidParameterValue):
        hold(world, IdempotencyToken="t", Title="other")
    assert len(world.client().call("ListLegalHolds")["LegalHolds"]) == 1


@pytest.mark.parametrize(
    "members",
    [
        {"Title": " "},
        {"RecoveryPointSelection": {"VaultNames": ["none"]}},
        {"RecoveryPointSelection": {"ResourceIdentifiers": ["arn:aws:nothing:::known"]}},
        {"RecoveryPointSelection": {"DateRange": {"FromDate": NOW, "ToDate": NOW - DAY}}},
    ],
    ids=str,
)
def test_a_hold_that_would_hold_nothing_is_refused(world: World, members: dict) -> None:
    with pytest.raises(InvalidParameterValue):
        hold(world, **members)


def test_what_is_not_there(world: World) -> None:
    client = world.client()
    with pytest.raises(ResourceNotFound):
        client.call("GetLegalHold", LegalHoldId="none")
    with pytest.raises(ResourceNotFound):
        client.call("CancelLegalHold", LegalHoldId="none", CancelDescription="x")
    with pytest.raises(InvalidParameterValue):
        client.call("ListRecoveryPointsByLegalHold", LegalHoldId="none")


def test_pages_of_holds_are_newest_first(world: World) -> None:
    ids = []
    for _ in range(3):
        ids.append(hold(world)["LegalHoldId"])
        world.clock.at += DAY
    first = world.client().call("ListLegalHolds", MaxResults=2)
    rest = world.client().call("ListLegalHolds", MaxResults=2, NextToken=first["NextToken"])
    shown = [each["LegalHoldId"] for each in [*first["LegalHolds"], *rest["LegalHolds"]]]
    assert shown == ids[::-1]


def test_holds_that_stand_have_a_quota(world: World) -> None:
    first = hold(world)
    client = world.client(quotas=replace(AWS_QUOTAS, legal_holds=1))
    with pytest.raises(LimitExceeded):
        client.call("CreateLegalHold", **CASE)
    client.call("CancelLegalHold", LegalHoldId=first["LegalHoldId"], CancelDescription="over")
    client.call("CreateLegalHold", **CASE)
