"""Settings, tiers and what is not there yet, through the stock client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.service import Service
from tests.journeys.conftest import Protected, refused

pytestmark = pytest.mark.slow


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    """What is set by a journey does not outlive it: others of this process need their folders backed up."""
    client = service.client()
    yield client
    client.update_region_settings(ResourceTypeOptInPreference={"EFS": True})
    client.update_global_settings(GlobalSettings={"isCrossAccountBackupEnabled": "false"})


def test_a_type_that_is_opted_out_is_not_backed_up_until_it_is_in_again(
    client: Any, service: Service, protected: Protected
) -> None:
    assert "EFS" in client.get_supported_resource_types()["ResourceTypes"]
    client.update_region_settings(ResourceTypeOptInPreference={"EFS": False})
    assert client.describe_region_settings()["ResourceTypeOptInPreference"]["EFS"] is False
    asked = {"BackupVaultName": "Default", "ResourceArn": protected.arn, "IamRoleArn": service.role_arn}
    assert "Resource type EFS is not opted in to" in refused(client.start_backup_job, **asked)
    client.update_region_settings(ResourceTypeOptInPreference={"EFS": True})
    assert service.back_up(protected.arn)["State"] == "COMPLETED"


def test_global_settings_are_merged_and_shown_in_every_region(client: Any) -> None:
    client.update_global_settings(GlobalSettings={"isCrossAccountBackupEnabled": "true"})
    shown = client.describe_global_settings()
    assert shown["GlobalSettings"]["isCrossAccountBackupEnabled"] == "true"
    assert shown["GlobalSettings"]["isMpaEnabled"] == "false"
    wrong = refused(client.update_global_settings, GlobalSettings={"isOther": "true"})
    assert wrong.startswith("InvalidParameterValueException")


def test_a_tiering_configuration_is_made_changed_and_deleted(client: Any, protected: Protected) -> None:
    named = {"TieringConfigurationName": "tiered"}
    every = {"Resources": ["*"], "TieringDownSettingsInDays": 60, "ResourceType": "S3"}
    body = {"BackupVaultName": protected.vault, "ResourceSelection": [every]}
    made = client.create_tiering_configuration(TieringConfiguration={**named, **body})
    later = {**body, "ResourceSelection": [{**every, "TieringDownSettingsInDays": 90}]}
    client.update_tiering_configuration(**named, TieringConfiguration=later)
    shown = client.get_tiering_configuration(**named)["TieringConfiguration"]
    assert shown["TieringConfigurationArn"] == made["TieringConfigurationArn"]
    assert shown["ResourceSelection"] == later["ResourceSelection"]
    listed = client.list_tiering_configurations()["TieringConfigurations"]
    assert [each["BackupVaultName"] for each in listed] == [protected.vault]
    client.delete_tiering_configuration(**named)
    assert refused(client.get_tiering_configuration, **named).startswith("ResourceNotFoundException")


def test_access_points_are_refused_with_the_reason(client: Any, protected: Protected) -> None:
    """The day this fails, the family has handlers: it needs a journey that goes through them."""
    point, arn = (
        {"RecoveryPointArn": protected.point},
        {"AccessPointArn": "arn:aws:backup:x:1:access-point:a"},
    )
    for call, members in (
        (client.create_backup_access_point, {"Name": "opened", **point}),
        (client.describe_backup_access_point, arn),
        (client.delete_backup_access_point, arn),
        (client.list_backup_access_points, {}),
        (client.list_backup_access_points_by_recovery_point, point),
        (client.list_backup_access_points_by_resource, {"ResourceArn": protected.arn}),
    ):
        message = refused(call, **members)
        assert message.startswith("NotImplementedException: "), call
        assert message.endswith(" is not available: access points come with the S3 source"), call
