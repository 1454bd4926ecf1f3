"""Operations called in process behave as over the wire."""

import pytest
from sqlalchemy import func, insert, select

from safehold.api import call as registry
from safehold.api.call import ApiConfig, Call, Principal
from safehold.api.local import LocalClient
from safehold.core.errors import InvalidParameterValue, MissingParameterValue, NotBuilt, WireError
from safehold.records.engine import Catalog
from safehold.records.tables import account


@pytest.fixture
def client(catalog: Catalog, config: ApiConfig, principal: Principal) -> LocalClient:
    return LocalClient(catalog, config, principal=principal, site="eu-north-1")


def note(call: Call, req: dict) -> None:
    call.tx.execute(insert(account).values(id="1", name=req["BackupVaultName"], created_at=call.now))


def note_and_fail(call: Call, req: dict) -> None:
    note(call, req)
    raise InvalidParameterValue("no")


def seen(catalog: Catalog) -> int:
    with catalog.read() as tx:
        return tx.execute(select(func.count()).select_from(account)).scalar_one()


def test_a_caller_learns_who_it_is(client: LocalClient, principal: Principal) -> None:
    answer = client.call("GetCallerIdentity", service_name="sts")
    assert answer == {"UserId": principal.user_id, "Account": principal.account_id, "Arn": principal.arn}


def test_what_a_handler_wrote_is_committed(client: LocalClient, catalog: Catalog, stand_in: dict) -> None:
    stand_in["backup", "DeleteBackupVault"] = note
    assert client.call("DeleteBackupVault", BackupVaultName="vault") == {}
    assert seen(catalog) == 1


def test_what_a_failing_handler_wrote_is_rolled_back(
    client: LocalClient, catalog: Catalog, stand_in: dict
) -> None:
    stand_in["backup", "DeleteBackupVault"] = note_and_fail
    with pytest.raises(InvalidParameterValue):
        client.call("DeleteBackupVault", BackupVaultName="vault")
    assert seen(catalog) == 0


def test_a_handler_is_told_the_site_the_operation_and_the_moment(client: LocalClient, stand_in: dict) -> None:
    calls = []
    stand_in["backup", "ListBackupVaults"] = lambda call, req: calls.append((call, req)) or {}
    client.call("ListBackupVaults", MaxResults=5, NextToken=None)
    call, request = calls[0]
    assert (call.operation, call.site, request) == ("ListBackupVaults", "eu-north-1", {"MaxResults": 5})
    assert call.now.tzinfo is not None
    assert call.arn("backup-vault", "a") == "arn:aws:backup:eu-north-1:123456789012:backup-vault:a"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, MissingParameterValue),
        ({"BackupVaultName": "with blank"}, InvalidParameterValue),
        ({"BackupVaultName": 5}, WireError),
        ({"BackupVaultName": "ab", "BackupVaultTags": {"a": True}}, WireError),
        ({"BackupVaultName": "ab", "BackupVaultTags": [1]}, WireError),
    ],
)
def test_what_the_model_forbids_never_reaches_a_handler(
    client: LocalClient, stand_in: dict, request_: dict, error: type[Exception]
) -> None:
    stand_in["backup", "CreateBackupVault"] = lambda call, req: pytest.fail("was called")
    with pytest.raises(error):
        client.call("CreateBackupVault", **request_)


def test_a_truth_value_is_no_number(client: LocalClient, stand_in: dict) -> None:
    stand_in["backup", "ListBackupVaults"] = lambda call, req: pytest.fail("was called")
    with pytest.raises(WireError):
        client.call("ListBackupVaults", MaxResults=True)


def test_an_operation_without_handler_says_so(client: LocalClient, stand_in: dict) -> None:
    del stand_in["backup", "ListFrameworks"]
    with pytest.raises(NotBuilt, match="ListFrameworks is not available: it is not part of this release"):
        client.call("ListFrameworks")


def test_two_handlers_for_one_operation_are_refused() -> None:
    registry.handlers()
    with pytest.raises(ValueError, match="two handlers"):
        registry.operation("GetCallerIdentity", service="sts")(lambda call, req: {})


def test_an_endpoint_is_called_as_an_operation_is(client: LocalClient, catalog: Catalog) -> None:
    status = client.native("GET", "/status")
    assert (status["account_id"], status["site"]) == ("123456789012", "eu-north-1")
    assert status["catalog"] == catalog.engine.dialect.name
