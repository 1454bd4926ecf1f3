"""Errors look as AWS's do, and the stock client makes its own exceptions of them."""

import json
import logging
from collections.abc import Callable

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from safehold.api.model.load import service
from safehold.api.wire.gateway import Gateway
from safehold.api.wire.http import HttpRequest, read_request
from safehold.api.wire.serialize import error_answer
from safehold.core import errors

Make = Callable[..., BaseClient]
MODELLED = [
    errors.AlreadyExists("the vault is there", arn="arn:x", creator_request_id="c-1"),
    errors.InvalidParameterValue("bad rule", code="ERROR_3015", context='["rule","bad"]'),
    errors.MissingParameterValue("no name"),
    errors.InvalidRequest("not empty", code="ERROR_9101"),
    errors.InvalidResourceState("busy"),
    errors.Conflict("busy"),
    errors.LimitExceeded("too many"),
    errors.ResourceNotFound("no such plan", code="ERROR_2106"),
]


def failing(error: Exception) -> Callable[..., None]:
    def handler(call: object, req: object) -> None:
        raise error

    return handler


@pytest.mark.parametrize("error", MODELLED, ids=lambda error: error.wire_code)
def test_the_stock_client_raises_the_class_of_the_model(
    client: Make, stand_in: dict, error: errors.RequestError
) -> None:
    stand_in["backup", "ListBackupVaults"] = failing(error)
    made = client()
    with pytest.raises(getattr(made.exceptions, error.wire_code)) as caught:
        made.list_backup_vaults()
    response = caught.value.response
    assert response["Error"] == {"Message": str(error), "Code": error.wire_code}
    assert response["Code"] == (error.code or error.wire_code)
    assert response.get("Context") == error.context
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["ResponseMetadata"]["RequestId"]


def test_already_exists_says_what_exists(client: Make, stand_in: dict) -> None:
    stand_in["backup", "CreateBackupVault"] = failing(MODELLED[0])
    with pytest.raises(ClientError) as caught:
        client().create_backup_vault(BackupVaultName="ab")
    assert (caught.value.response["Arn"], caught.value.response["CreatorRequestId"]) == ("arn:x", "c-1")


def test_the_body_of_an_error_has_the_four_members_and_the_header_decides() -> None:
    answer = error_answer(errors.AccessDenied(), "id-1")
    assert answer.status == 403
    assert answer.headers["X-Amzn-Errortype"] == "AccessDeniedException"
    assert answer.headers["x-amzn-RequestId"] == "id-1"
    message = "Insufficient privileges to perform this action."
    body = {"Code": "AccessDeniedException", "Context": None, "Message": message, "Type": None}
    assert json.loads(answer.body) == body


def test_every_error_the_model_has_for_callers_is_one_we_can_raise() -> None:
    ours = {error.wire_code for error in errors.RequestError.__subclasses__()}
    assert {error.wire_code for error in MODELLED} <= ours


@pytest.mark.parametrize(
    ("error", "code", "status", "told"),
    [
        (errors.StoreFull("no room in /v"), "ServiceUnavailableException", 500, "no room in /v. Make room"),
        (errors.RootKeyError("no key"), "InternalFailure", 500, "no key. Put back"),
        (ZeroDivisionError("secret 42"), "InternalFailure", 500, "server's log"),
        (RecursionError(), "InternalFailure", 500, "server's log"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_trouble_of_our_own_is_a_500_and_a_bug_keeps_its_facts_to_the_log(
    client: Make,
    stand_in: dict,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    code: str,
    status: int,
    told: str,
) -> None:
    stand_in["backup", "ListBackupVaults"] = failing(error)
    with pytest.raises(ClientError) as caught:
        client().list_backup_vaults()
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert told in response["Error"]["Message"]
    assert "42" not in response["Error"]["Message"]
    assert response["ResponseMetadata"]["RequestId"] in caplog.text


def test_an_answer_that_cannot_be_written_is_a_500_and_nothing_is_stored(
    client: Make, stand_in: dict
) -> None:
    def handler(call: object, req: object) -> dict:
        call.tx.exec_driver_sql("create table half (a)")
        return {"NoSuchMember": 1}

    stand_in["backup", "CreateBackupVault"] = handler
    for _ in range(2):  # a second time would fail differently if the table were there
        with pytest.raises(ClientError) as caught:
            client().create_backup_vault(BackupVaultName="ab")
        assert caught.value.response["Error"]["Code"] == "InternalFailure"
    stand_in["backup", "CreateBackupVault"] = lambda call, req: (
        call.tx.exec_driver_sql("create table half (a)") and {}
    )
    client().create_backup_vault(BackupVaultName="ab")


def test_an_operation_that_is_not_built_is_a_501_with_its_reason(client: Make, stand_in: dict) -> None:
    del stand_in["backup", "ListFrameworks"]
    with pytest.raises(ClientError) as caught:
        client().list_frameworks()
    response = caught.value.response
    assert response["Error"]["Code"] == "NotImplementedException"
    assert response["Error"]["Message"] == ("ListFrameworks is not available: it is not part of this release")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501


def unsigned(method: str, target: str, body: bytes = b"") -> HttpRequest:
    path, _, query = target.partition("?")
    return read_request(method, path.encode(), query.encode(), [(b"Host", b"h")], body)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nowhere"),
        ("PATCH", "/backup-vaults/a"),
        ("GET", "/backup-vaults//recovery-points"),
        ("GET", "/backup-vaults/../backup-vaults/a"),
        ("GET", "/./backup-vaults/a"),
        ("DELETE", "/backup-vaults/"),
        ("POST", "/backup-vaults/a/mpaApprovalTeam"),
        ("GET", "/_safehold/v1/nothing"),
        ("GET", "/_safehold/v2/status"),
        ("POST", "/_safehold/health"),
        ("GET", "/" + "a/" * 5000),
    ],
)
def test_a_path_that_leads_nowhere_is_a_404(gateway: Gateway, method: str, target: str) -> None:
    answer = gateway.answer(unsigned(method, target))
    assert (answer.status, answer.headers["X-Amzn-Errortype"]) == (404, "UnknownOperationException")


def test_health_is_told_to_anybody_and_nothing_else_is(gateway: Gateway) -> None:
    health = gateway.answer(unsigned("GET", "/_safehold/health"))
    assert (health.status, health.body) == (200, b'{"status":"ok"}')
    routes = [(op.method, "/" + "/".join(op.path)) for op in service("backup").operations.values()]
    for method, path in [*routes, ("GET", "/_safehold/v1/status"), ("POST", "/?Action=GetCallerIdentity")]:
        query = "?delete" if path.endswith("mpaApprovalTeam") else ""
        refused = gateway.answer(unsigned(method, path.replace("{", "").replace("}", "") + query))
        assert refused.status in (400, 403), path
        assert b"MissingAuthenticationToken" in refused.body or b"InvalidAction" in refused.body


def test_the_log_has_one_line_a_request_and_no_word_of_what_was_sent(
    client: Make, stand_in: dict, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in["backup", "TagResource"] = failing(errors.ResourceNotFound("no"))
    caplog.set_level(logging.DEBUG, "safehold")
    made = client()
    with pytest.raises(ClientError) as caught:
        made.tag_resource(ResourceArn="arn:aws:backup:x:y:z", Tags={"Hush": "Secretive"})
    lines = [record.getMessage() for record in caplog.records if record.name == "safehold.api"]
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    assert len(lines) == 1
    assert lines[0].startswith("POST TagResource 400 ")
    assert lines[0].endswith(request_id)
    assert not any(word in caplog.text for word in ("Hush", "Secretive", "AKIAROOT", "Signature"))
