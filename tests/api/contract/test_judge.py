"""The judge of the contract sees what is wrong with an answer."""

from __future__ import annotations

import json

import botocore.session
import pytest

from tests.api.contract.judge import Answered, faults

SERVICE = botocore.session.Session().get_service_model("backup")
PLAN = {
    "RestoreTestingPlanArn": "arn:aws:backup:a:b:c:d",
    "RestoreTestingPlanName": "n",
    "CreationTime": 1.5,
}


def said(operation: str, status: int, body: object, code: str | None = None) -> list[str]:
    headers = {} if code is None else {"X-Amzn-Errortype": code}
    answered = Answered(status, headers, json.dumps(body).encode(), code, {})
    return faults(SERVICE.operation_model(operation), answered)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, PLAN, "the model says 201"),
        (201, {**PLAN, "More": 1}, "does not know"),
        (201, {name: PLAN[name] for name in list(PLAN)[1:]}, "lacks the required"),
        (201, {**PLAN, "CreationTime": "2030-01-02"}, "says timestamp"),
        (201, {**PLAN, "CreationTime": True}, "is a boolean"),
        (201, {**PLAN, "RestoreTestingPlanName": 5}, "says string"),
    ],
)
def test_an_answer_beside_the_model_is_seen(status: int, body: object, fault: str) -> None:
    assert [fault in said for said in said("CreateRestoreTestingPlan", status, body)] == [True]


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (404, "ResourceNotFoundException", "with status 404"),
        (400, "InvalidResourceStateException", "none of this operation's errors"),
        (400, "AccessDeniedException", "with status 400"),
        (500, "InternalFailure", "a bug"),
    ],
)
def test_an_error_beside_the_model_is_seen(status: int, code: str, fault: str) -> None:
    assert [fault in said for said in said("ListBackupJobs", status, {"Message": "m"}, code)] == [True]


def test_what_the_model_allows_has_no_faults() -> None:
    assert said("CreateRestoreTestingPlan", 201, PLAN) == []
    assert said("ListBackupJobs", 400, {"Message": "m"}, "InvalidParameterValueException") == []
    assert said("ListBackupJobs", 501, {"Message": "m"}, "NotImplementedException") == []


def test_a_value_outside_an_enumeration_and_an_error_without_message_are_seen() -> None:
    jobs = {"BackupJobs": [{"State": "DONE"}]}
    assert "enumeration" in said("ListBackupJobs", 200, jobs)[0]
    assert "no message" in said("ListBackupJobs", 400, {}, "InvalidParameterValueException")[0]
