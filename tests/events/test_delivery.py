"""Events reach webhooks, signed; what fails is tried again for a day and is dead then."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import timedelta

import pytest

from safehold.core.clock import FixedClock
from safehold.core.errors import EventNotDelivered
from safehold.core.secrets import RootKey
from safehold.domain.event_delivery import DeliveryState, Target, TargetKind
from safehold.domain.events import KEPT_DAYS, Event
from safehold.events.loop import Delivering
from safehold.events.senders import Queue, sender, shown_key, signing_key
from safehold.records import events
from safehold.records.engine import Catalog
from tests.events.conftest import NOW, Sink

ROOT_KEY = RootKey(b"r" * 32)
ACCOUNT, SITE = "1" * 12, "us-east-1"
EVENT = Event(ACCOUNT, SITE, "Backup Vault State Change", NOW, {"state": "CREATED", "é": 1}, ("arn:v",))


def delivering(catalog: Catalog, clock: FixedClock, sink: Sink) -> tuple[Delivering, Target]:
    target = Target(TargetKind.WEBHOOK, sink.url)
    with catalog.begin() as tx:
        events.add(tx, EVENT)
    return Delivering(catalog, clock, [target]), target


def stored_event(catalog: Catalog) -> events.StoredEvent:
    with catalog.begin() as tx:
        events.add(tx, EVENT)
        (stored,) = events.page(tx, account_id=ACCOUNT, site=SITE, limit=1)
    return stored


def count(catalog: Catalog, target: Target, state: DeliveryState) -> int:
    with catalog.read() as tx:
        return events.counts(tx).get((target.url, state), 0)


def test_a_webhook_gets_the_event_with_a_signature_that_its_key_proves(
    sqlite_catalog: Catalog, clock: FixedClock, sink: Sink
) -> None:
    work, target = delivering(sqlite_catalog, clock, sink)
    assert work.upkeep() == 1
    assert work.send_due(target, sender(ROOT_KEY, target)) == 1
    assert work.send_due(target, sender(ROOT_KEY, target)) == 0
    assert count(sqlite_catalog, target, DeliveryState.DELIVERED) == 1
    ((headers, body),) = sink.got
    assert json.loads(body)["detail"] == dict(EVENT.detail)
    assert headers["webhook-id"] == json.loads(body)["id"]
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    # as a receiver checks it who has the key as `safehold events --targets` shows it
    key = base64.b64decode(shown_key(signing_key(ROOT_KEY, target)).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    other = Target(TargetKind.WEBHOOK, sink.url + "/other")
    assert signing_key(ROOT_KEY, other) != signing_key(ROOT_KEY, target)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_a_webhook_refuses_is_sent_again_later(
    sqlite_catalog: Catalog, clock: FixedClock, sink: Sink, status: int
) -> None:
    work, target = delivering(sqlite_catalog, clock, sink)
    work.upkeep()
    sink.status = status
    send = sender(ROOT_KEY, target)
    assert work.send_due(target, send) == 1
    assert work.send_due(target, send) == 0, "not at once"
    assert len(sink.got) == 1, "a redirect is not followed"
    sink.status = 204
    clock.at += timedelta(seconds=7)
    assert work.send_due(target, send) == 1
    assert sink.got[0][1] == sink.got[1][1]
    assert count(sqlite_catalog, target, DeliveryState.DELIVERED) == 1


def test_after_a_day_it_is_dead_and_can_be_revived(
    sqlite_catalog: Catalog, clock: FixedClock, sink: Sink
) -> None:
    work, target = delivering(sqlite_catalog, clock, sink)
    work.upkeep()
    sink.status = 500
    send = sender(ROOT_KEY, target)
    tries = 0
    while count(sqlite_catalog, target, DeliveryState.PENDING):
        tries += work.send_due(target, send)
        clock.at += timedelta(hours=2)
        assert tries < 50
    assert tries == 13
    with sqlite_catalog.begin() as tx:
        (dead,) = events.dead(tx, account_id=ACCOUNT, site=SITE, limit=5)
        assert dead.last_error == "HTTP 500 Internal Server Error"
        assert events.revive(tx, account_id=ACCOUNT, site=SITE, now=clock.now()) == 1
    sink.status = 200
    assert work.send_due(target, send) == 1
    assert count(sqlite_catalog, target, DeliveryState.DELIVERED) == 1


def test_nobody_there_is_a_failure_like_another(sqlite_catalog: Catalog) -> None:
    stored = stored_event(sqlite_catalog)
    send = sender(ROOT_KEY, Target(TargetKind.WEBHOOK, "http://127.0.0.1:1/"))
    with pytest.raises(EventNotDelivered):
        send(stored, NOW)


def test_a_queue_that_is_not_there_is_a_failure_too(
    sqlite_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    stored = stored_event(sqlite_catalog)
    with pytest.raises(EventNotDelivered):
        Queue("http://127.0.0.1:1/1/queue")(stored, NOW)


def test_old_events_go_by_themselves(sqlite_catalog: Catalog, clock: FixedClock, sink: Sink) -> None:
    work, _ = delivering(sqlite_catalog, clock, sink)
    assert work.upkeep() == 1
    assert work.upkeep() == 0
    clock.at += timedelta(days=KEPT_DAYS, seconds=1)
    assert work.upkeep() == 1
    with sqlite_catalog.read() as tx:
        assert events.page(tx, account_id=ACCOUNT, site=SITE, limit=5) == []


def test_the_loop_delivers_until_it_is_told_to_stop(
    sqlite_catalog: Catalog, clock: FixedClock, sink: Sink
) -> None:
    work, _ = delivering(sqlite_catalog, clock, sink)
    stop = threading.Event()
    loop = threading.Thread(target=work.run, args=(ROOT_KEY, stop), kwargs={"poll_seconds": 0.01})
    loop.start()
    try:
        assert sink.has_some.wait(timeout=60)
    finally:
        stop.set()
        loop.join()
    assert len(sink.got) == 1
