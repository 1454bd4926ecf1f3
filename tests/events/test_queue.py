"""Events reach a real queue's API, and are what they were at the other end."""

from __future__ import annotations

import json

import boto3
import pytest

from safehold.events.senders import Queue
from safehold.records.engine import Catalog
from tests.events.conftest import NOW
from tests.events.test_delivery import stored_event
from tests.fixtures.key_services import Server

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", ["events", "events.fifo"])
def test_a_queue_gets_the_event(
    sqlite_catalog: Catalog, ministack: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(variable, value)
    sqs = boto3.client("sqs", endpoint_url=ministack.address)
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    sqs.create_queue(QueueName=name, Attributes=attributes)
    url = f"{ministack.address}/000000000000/{name}"
    stored = stored_event(sqlite_catalog)
    Queue(url)(stored, NOW)
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["id"] == stored.id
    sqs.close()
