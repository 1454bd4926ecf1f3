"""Logs hold no tags, no restore metadata, no secret and no signature: canaries are sent, and looked for."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import OperationModel, Shape

from safehold.api.wire.http import HttpRequest, read_request
from safehold.core import log
from tests.api.conftest import KEYS
from tests.api.contract.inputs import whole
from tests.api.contract.seeds import known_to
from tests.api.contract.test_contract import Bench, bench  # noqa: F401  a fixture

CANARY = "canary-bird"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that the API's process would log meanwhile, at every level, as it would be written.

    The client is in this process too, and tells everything at its lowest level; it is not ours.
    """
    root, stream = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    log.configure(form=log.Form.JSON, level="DEBUG", stream=stream)
    root.handlers[0].addFilter(lambda record: not record.name.startswith(("boto", "urllib3")))
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)


def with_canaries(shape: Shape, value: Any) -> Any:
    """The same, with canaries for what is sensitive: by the model's word, and every map of texts."""
    is_texts = shape.type_name == "map" and shape.value.type_name == "string"
    if is_texts or (shape.metadata.get("sensitive") and shape.type_name == "map"):
        return {f"{CANARY}-key": f"{CANARY}-value"}
    if shape.metadata.get("sensitive") and shape.type_name == "string":
        return CANARY
    if shape.type_name == "structure":
        return {name: with_canaries(shape.members[name], item) for name, item in value.items()}
    if shape.type_name == "list":
        return [with_canaries(shape.member, item) for item in value]
    return value


def wholly(operation: OperationModel, bench: Bench) -> dict[str, Any]:  # noqa: F811
    params = whole(operation, known_to(operation.name, bench.known))
    return with_canaries(operation.input_shape, params) if operation.input_shape else {}


def test_no_operation_logs_what_is_sensitive(bench: Bench, lines: io.StringIO) -> None:  # noqa: F811
    catalog, planted = bench.on_a_copy("canaries"), 0
    client = bench.clients["backup"]
    for operation in client.operations():
        params = wholly(operation, bench)
        planted += CANARY in json.dumps(params, default=str)
        client.call(operation.name, params)
    catalog.close()
    assert planted >= 15
    assert "DescribeBackupVault" in lines.getvalue(), "nothing was logged, so nothing was tested"
    assert CANARY not in lines.getvalue()


def test_what_a_refused_request_held_is_not_logged_either(bench: Bench, lines: io.StringIO) -> None:  # noqa: F811
    catalog = bench.on_a_copy("refused")
    client = bench.clients["backup"]
    known = bench.known
    for operation, params in (
        ("TagResource", {"ResourceArn": "no-arn", "Tags": {f"aws:{CANARY}": CANARY}}),
        ("TagResource", {"ResourceArn": known["BackupVaultArn"], "Tags": {f"aws:{CANARY}": CANARY}}),
        ("CreateBackupVault", {"BackupVaultName": "x", "BackupVaultTags": {CANARY: "v" * 300}}),
        (
            "StartRestoreJob",
            {
                "RecoveryPointArn": known["RecoveryPointArn"],
                "IamRoleArn": known["IamRoleArn"],
                "Metadata": {CANARY: CANARY, CANARY.upper(): CANARY},
            },
        ),
    ):
        assert client.call(operation, params).code is not None
    catalog.close()
    assert CANARY not in lines.getvalue().lower()


def test_neither_secrets_nor_signatures_are_logged(bench: Bench, lines: io.StringIO) -> None:  # noqa: F811
    catalog = bench.on_a_copy("signed")
    gateway = bench.clients["backup"].gateway
    assert gateway is not None
    sent = [*_signed_requests()]
    for request, _ in sent:
        gateway.answer(request)
    catalog.close()
    for _, secrets in sent:
        for secret in secrets:
            assert secret not in lines.getvalue()


def _signed_requests() -> Iterator[tuple[HttpRequest, list[str]]]:
    """Requests by header and by query, right and wrong, each with what must not show."""
    for key, secret, token in (
        ("AKIAROOT", KEYS["AKIAROOT"].secret, None),
        ("AKIAROOT", f"{CANARY}-secret", None),
        ("ASIATEMPORARY", KEYS["ASIATEMPORARY"].secret, f"{CANARY}-session"),
        (f"AKIA{CANARY}", f"{CANARY}-secret", None),
    ):
        for auth in (SigV4Auth, SigV4QueryAuth):
            request = AWSRequest("GET", "http://h/backup-vaults/Main", headers={"Host": "h"})
            auth(Credentials(key, secret, token), "backup", "eu-north-1").add_auth(request)
            path, _, query = request.url.removeprefix("http://h").partition("?")
            headers = [(name.encode(), str(value).encode()) for name, value in request.headers.items()]
            made = read_request("GET", path.encode(), query.encode(), headers, b"")
            whole_text = str(request.headers) + request.url
            signature = whole_text.partition("Signature=")[2][:64]
            assert len(signature) == 64
            yield made, [secret, signature, *([token, quote(token)] if token else [])]
