"""Tiering configurations through the API."""

from __future__ import annotations

from typing import Any

import pytest

from safehold.core.errors import AlreadyExists, InvalidParameterValue, ResourceNotFound
from tests.api.job_world import NOW, TREE, World

ALL_S3 = {"Resources": ["*"], "TieringDownSettingsInDays": 60, "ResourceType": "S3"}
BUCKET = {"Resources": ["arn:aws:s3:::bucket"], "TieringDownSettingsInDays": 90, "ResourceType": "S3"}


def create(world: World, name: str = "tier", vault: str = "Main", **members: Any) -> dict[str, Any]:
    wanted = {"TieringConfigurationName": name, "BackupVaultName": vault, "ResourceSelection": [ALL_S3]}
    options = {
        key: members.pop(key) for key in ("CreatorRequestId", "TieringConfigurationTags") if key in members
    }
    configuration = wanted | members
    client = world.client()
    return dict(client.call("CreateTieringConfiguration", TieringConfiguration=configuration, **options))


def test_a_configuration_is_shown_changed_and_deleted(world: World) -> None:
    client, named = world.client(), {"TieringConfigurationName": "tier"}
    made = create(world, TieringConfigurationTags={"a": "b"})
    assert made["CreationTime"] == NOW
    shown = client.call("GetTieringConfiguration", **named)["TieringConfiguration"]
    assert shown.items() >= (made | {"BackupVaultName": "Main", "ResourceSelection": [ALL_S3]}).items()
    arn = made["TieringConfigurationArn"]
    assert client.call("ListTags", ResourceArn=arn)["Tags"] == {"a": "b"}
    changed = {"BackupVaultName": "*", "ResourceSelection": [ALL_S3, BUCKET]}
    answer = client.call("UpdateTieringConfiguration", **named, TieringConfiguration=changed)
    assert answer == made | {"LastUpdatedTime": NOW}
    shown = client.call("GetTieringConfiguration", **named)["TieringConfiguration"]
    assert shown.items() >= (made | changed | {"LastUpdatedTime": NOW}).items()
    assert client.call("DeleteTieringConfiguration", **named) == {}
    for operation in ("GetTieringConfiguration", "DeleteTieringConfiguration"):
        with pytest.raises(ResourceNotFound):
            client.call(operation, **named)
    with pytest.raises(ResourceNotFound):
        client.call("ListTags", ResourceArn=arn)


def test_a_name_and_a_vault_have_one_configuration(world: World) -> None:
    made = create(world, CreatorRequestId="id-1")
    assert create(world, CreatorRequestId="id-1") == made
    create(world, "default", "*")
    for name, vault in (("tier", "*"), ("other", "Main"), ("other", "*")):
        with pytest.raises(AlreadyExists):
            create(world, name, vault)
    moved = {"BackupVaultName": "Main", "ResourceSelection": [ALL_S3]}
    with pytest.raises(AlreadyExists):
        world.client().call(
            "UpdateTieringConfiguration", TieringConfigurationName="default", TieringConfiguration=moved
        )


def test_configurations_are_listed_by_name(world: World) -> None:
    create(world, "b")
    create(world, "a", "*")
    client = world.client()
    first = client.call("ListTieringConfigurations", MaxResults=1)
    rest = client.call("ListTieringConfigurations", NextToken=first["NextToken"])
    listed = [*first["TieringConfigurations"], *rest["TieringConfigurations"]]
    assert [(each["TieringConfigurationName"], each["BackupVaultName"]) for each in listed] == [
        ("a", "*"),
        ("b", "Main"),
    ]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"vault": "none"}, id="no such vault"),
        pytest.param({"ResourceSelection": []}, id="no selection"),
        pytest.param({"ResourceSelection": [ALL_S3] * 6}, id="too many selections"),
        pytest.param({"ResourceSelection": [ALL_S3 | {"ResourceType": "EFS"}]}, id="a type without tiers"),
        pytest.param({"ResourceSelection": [ALL_S3 | {"Resources": [TREE]}]}, id="no bucket"),
        pytest.param({"ResourceSelection": [ALL_S3 | {"Resources": []}]}, id="no resources"),
        pytest.param(
            {"ResourceSelection": [ALL_S3 | {"Resources": ["arn:aws:s3:::b"] * 101}]}, id="too many resources"
        ),
        pytest.param({"ResourceSelection": [ALL_S3 | {"TieringDownSettingsInDays": 59}]}, id="too soon"),
        pytest.param({"ResourceSelection": [ALL_S3 | {"TieringDownSettingsInDays": 36_501}]}, id="too late"),
        pytest.param({"name": "a-b"}, id="a name that is none"),
    ],
)
def test_configurations_that_are_refused(world: World, members: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterValue):
        create(world, **members)
    assert world.client().call("ListTieringConfigurations")["TieringConfigurations"] == []
