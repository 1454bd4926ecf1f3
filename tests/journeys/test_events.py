"""A backup is told to a webhook, state by state, by a service as its user has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.events.conftest import Sink, sink  # noqa: F401  a fixture
from tests.fixtures.service import Service, eventually

pytestmark = pytest.mark.slow


def test_a_backup_is_told_state_by_state(tmp_path: Path, tree: Path, sink: Sink) -> None:  # noqa: F811
    service = Service(tmp_path / "service")
    settings = service.data / "safehold.toml"
    text = settings.read_text()
    settings.write_text(text.replace('event_webhooks = ""', f'event_webhooks = "{sink.url}"'))
    service.start()
    try:
        arn = service.add_source("told", tree)
        job = service.back_up(arn)
        assert job["State"] == "COMPLETED"
        assert eventually(lambda: "Recovery Point State Change" in {kind for kind, _ in told(sink)})
        states = [state for kind, state in told(sink) if kind == "Backup Job State Change"]
        assert states == ["CREATED", "PENDING", "RUNNING", "COMPLETED"]
        listed = service.cli("events", "--type", "Backup Job State Change")["events"]
        assert [event["detail"]["state"] for event in listed] == states[::-1]
        assert service.cli("events", "--dead")["dead"] == []
        assert eventually(lambda: service.cli("events", "--targets")["targets"][0]["pending"] == 0)
        (target,) = service.cli("events", "--targets")["targets"]
        assert (target["url"], target["dead"]) == (sink.url, 0)
        assert target["signing_key"].startswith("whsec_")
        assert service.cli("events", "--retry-dead") == {"retried": 0}
    finally:
        service.stop()


def told(sink: Sink) -> list[tuple[str, str]]:  # noqa: F811
    """Type and state of each event that came, as they came."""
    events = [json.loads(body) for _, body in list(sink.got)]
    details = ((event["detail-type"], event["detail"]) for event in events)
    return [(kind, detail.get("state") or detail.get("status")) for kind, detail in details]
