"""What the stock client writes is read as it was meant, and what we write is read by the stock client.

Every operation of the model, with a value for every member, on both sides.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from safehold.api.model.load import service
from safehold.api.wire import query
from safehold.api.wire.http import HttpRequest, read_request
from safehold.api.wire.parse import parse
from safehold.api.wire.route import find_operation
from safehold.api.wire.serialize import answer
from safehold.api.wire.validate import validate

SERVICES = [botocore.session.Session().get_service_model(name) for name in ("backup", "backupsearch")]
TIME = datetime(2026, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)
ARN = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1/ü ?&=+%2F"
FITTING = {
    "AccountId": "123456789012",
    "AccessPointArn": "arn:aws:backup:us-east-1:123456789012:accesspoint/abc",
    "AccessPointName": "abc",
    "BackupVaultName": "aws/efs/automatic-backup-vault",
    "BackupVaultNameOrWildcard": "*",
    "FrameworkName": "Framework_1",
    "IamRoleArn": "arn:aws:iam::123456789012:role/reader",
    "ReportPlanName": "Report_1",
    "TieringConfigurationName": "tiering_1",
    "ResourceType": "SAP HANA on Amazon EC2",
}
NAMES = ("BackupOptionKey", "BackupOptionValue", "BackupRuleName", "BackupSelectionName")


def value_of(shape: Shape) -> Any:
    """A value that the model allows, with something in every member."""
    match shape.type_name:
        case "structure":
            members = list(shape.members.items())[: 1 if shape.is_tagged_union else None]
            return {name: value_of(member) for name, member in members}
        case "list":
            return [value_of(shape.member)] * 2
        case "map":
            return {key_of(shape.key, number): value_of(shape.value) for number in (1, 2)}
        case "timestamp":
            return TIME
        case "boolean":
            return True
        case "integer" | "long":
            return max(7, shape.metadata.get("min", 0))
    return text_of(shape)


def key_of(shape: Shape, number: int) -> str:
    return shape.enum[number] if getattr(shape, "enum", None) else f"{text_of(shape)}{number}"


def text_of(shape: Shape) -> str:
    if getattr(shape, "enum", None):
        return shape.enum[0]
    if shape.name in NAMES:
        return "Name-1_a.b"
    return FITTING.get(shape.name, ARN)


def sent(operation: OperationModel, params: dict[str, Any]) -> HttpRequest:
    """The request that the stock client makes of these parameters, with the scope of its signature."""
    made = create_serializer("rest-json").serialize_to_request(params, operation)
    prepare_request_dict(made, "http://127.0.0.1:1")
    prepared = create_request_object(made).prepare()
    url = urlsplit(prepared.url)
    body = prepared.body or b""
    scope = f"Credential=AKIA/20300102/eu-north-1/{operation.service_model.signing_name}/aws4_request"
    headers = [(b"authorization", b"AWS4-HMAC-SHA256 " + scope.encode())]
    return read_request(prepared.method, url.path.encode(), url.query.encode(), headers, body)


def operations() -> list[Any]:
    return [
        pytest.param(model.operation_model(name), id=f"{model.service_name} {name}")
        for model in SERVICES
        for name in model.operation_names
    ]


@pytest.mark.parametrize("model", SERVICES, ids=lambda model: model.service_name)
def test_the_vendored_model_has_every_operation_of_the_published_one(model: ServiceModel) -> None:
    assert set(service(model.service_name).operations) == set(model.operation_names)


@pytest.mark.parametrize("operation", operations())
def test_a_request_is_read_as_it_was_meant(operation: OperationModel) -> None:
    params = value_of(operation.input_shape) if operation.input_shape else {}
    if operation.name.startswith("Create") and "BackupVaultName" in params:
        params["BackupVaultName"] = "new-vault_1"
    request = sent(operation, params)
    match = find_operation(request)
    assert (match.target.service, match.target.name) == (
        operation.service_model.service_name,
        operation.name,
    )
    read = parse(match.target, match.labels, request)
    assert read == params
    validate(match.target, read)

    path = request.raw_path
    other = path.removesuffix("/") if path.endswith("/") else path + "/"
    changed = HttpRequest(request.method, other, request.query, request.headers, b"")
    assert find_operation(changed).target.name == operation.name, "a slash at the end makes no difference"


@pytest.mark.parametrize("operation", operations())
def test_an_answer_is_read_by_the_stock_client(operation: OperationModel) -> None:
    wanted = value_of(operation.output_shape) if operation.output_shape else {}
    made = answer(service(operation.service_model.service_name).operations[operation.name], wanted, "id")
    assert made.status == operation.http.get("responseCode", 200)
    headers = HTTPHeaders.from_dict(dict(made.headers))
    response = {"status_code": made.status, "headers": headers, "body": made.body}
    read = create_parser("rest-json").parse(response, operation.output_shape)
    assert read.pop("ResponseMetadata")["RequestId"] == "id"
    assert read == wanted
    assert (made.body == b"") == (operation.output_shape is None)


def test_what_is_none_is_left_out() -> None:
    made = answer(service("backup").operations["DescribeBackupJob"], {"BackupJobId": None}, "id")
    assert made.body == b"{}"


def test_times_are_seconds_with_a_fraction() -> None:
    made = answer(
        service("backup").operations["CreateBackupVault"],
        {"CreationDate": TIME.replace(microsecond=891_234)},
        "id",
    )
    assert made.body == b'{"CreationDate":1772600767.891}'


@pytest.mark.parametrize(
    "wrong",
    [
        {"NoSuchMember": 1},
        {"PercentDone": 0.5},
        {"BackupSizeInBytes": "5"},
        {"BackupSizeInBytes": True},
        {"CreationDate": datetime(2026, 1, 1)},  # noqa: DTZ001  the point: a time without zone is a bug
        {"CreatedBy": "me"},
    ],
    ids=str,
)
def test_an_answer_that_the_model_does_not_know_is_a_bug_and_not_sent(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="DescribeBackupJob"):
        answer(service("backup").operations["DescribeBackupJob"], wrong, "id")


def test_the_query_protocol_is_read_by_the_stock_client() -> None:
    operation = service("sts").operations["GetCallerIdentity"]
    wanted = {"UserId": "<&>", "Account": "123456789012", "Arn": "arn:aws:iam::1:user/ü"}
    made = query.answer(operation, wanted, "id")
    shape = (
        botocore.session.Session().get_service_model("sts").operation_model("GetCallerIdentity").output_shape
    )
    read = create_parser("query").parse({"status_code": 200, "headers": {}, "body": made.body}, shape)
    assert read.pop("ResponseMetadata")["RequestId"] == "id"
    assert read == wanted
