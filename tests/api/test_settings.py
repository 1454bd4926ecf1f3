"""Region settings and supported types through the API."""

from __future__ import annotations

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.domain.resource_types import AWS_TYPES
from safehold.records import settings
from tests.api.job_world import ACCOUNT, SITE, World


def test_every_type_is_in_the_map_and_opted_in_at_first(world: World) -> None:
    shown = world.client().call("DescribeRegionSettings")
    assert shown["ResourceTypeOptInPreference"] == dict.fromkeys(AWS_TYPES, True)
    assert shown["ResourceTypeManagementPreference"] == {"DynamoDB": True, "EFS": True}


def test_an_update_merges_and_holds_for_its_region_alone(world: World) -> None:
    client = world.client()
    client.call("UpdateRegionSettings", ResourceTypeOptInPreference={"EFS": False, "Storage Gateway": False})
    client.call(
        "UpdateRegionSettings",
        ResourceTypeOptInPreference={"Storage Gateway": True},
        ResourceTypeManagementPreference={"DynamoDB": False},
    )
    shown = client.call("DescribeRegionSettings")
    assert shown["ResourceTypeOptInPreference"] == {**dict.fromkeys(AWS_TYPES, True), "EFS": False}
    assert shown["ResourceTypeManagementPreference"] == {"DynamoDB": False, "EFS": True}
    elsewhere = world.client(site="eu-west-1").call("DescribeRegionSettings")
    assert elsewhere["ResourceTypeOptInPreference"]["EFS"]
    with world.catalog.read() as tx:
        assert settings.opted_out(tx, ACCOUNT, SITE) == {"EFS"}


@pytest.mark.parametrize(
    "update",
    [
        {"ResourceTypeOptInPreference": {"EFS": False, "efs": False}},
        {"ResourceTypeManagementPreference": {"S3": True}},
    ],
)
def test_an_unknown_type_is_refused_and_nothing_changes(world: World, update: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterValue):
        world.client().call("UpdateRegionSettings", **update)
    assert all(world.client().call("DescribeRegionSettings")["ResourceTypeOptInPreference"].values())


def test_the_supported_types_are_those_with_a_connector(world: World) -> None:
    assert world.client().call("GetSupportedResourceTypes") == {"ResourceTypes": ["EFS", "FSx"]}


def test_global_settings_hold_in_every_region_and_are_merged(world: World) -> None:
    client = world.client()
    assert set(client.call("DescribeGlobalSettings")["GlobalSettings"].values()) == {"false"}
    client.call("UpdateGlobalSettings", GlobalSettings={"isCrossAccountBackupEnabled": "true"})
    client.call("UpdateGlobalSettings", GlobalSettings={"isMpaEnabled": "true"})
    shown = world.client(site="elsewhere-1").call("DescribeGlobalSettings")
    assert shown["GlobalSettings"] == {
        "isCrossAccountBackupEnabled": "true",
        "isMpaEnabled": "true",
        "isDelegatedAdministratorEnabled": "false",
    }
    assert shown["LastUpdateTime"] == world.clock.at


@pytest.mark.parametrize("wanted", [{"isOther": "true"}, {"isMpaEnabled": "yes"}], ids=str)
def test_global_settings_that_there_are_not(world: World, wanted: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterValue):
        world.client().call("UpdateGlobalSettings", GlobalSettings=wanted)
