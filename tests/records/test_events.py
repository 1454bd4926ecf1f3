"""Events as rows, on both databases: with the change or not at all; listed, delivered, given up."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from safehold.domain.event_delivery import DeliveryState, Target, TargetKind
from safehold.domain.events import Event
from safehold.records import events
from safehold.records.engine import Catalog
from tests.records.samples import ACCOUNT, NOW, SITE

ONE, OTHER = (Target(TargetKind.WEBHOOK, f"http://{name}") for name in ("one", "other"))
MINE = {"account_id": ACCOUNT, "site": SITE}


def event(number: int, **changes: object) -> Event:
    at = NOW + timedelta(seconds=number)
    values = {"account_id": ACCOUNT, "site": SITE, "detail_type": "Backup Vault State Change", "at": at}
    return Event(**values | {"detail": {"n": number}, "resources": ("arn:v",)} | changes)  # type: ignore[arg-type]


def test_events_are_listed_newest_first_and_page_by_page(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        events.add(tx, *map(event, range(5)), None)
        events.add(tx, event(9, site="elsewhere"), event(9, account_id="2" * 12), event(7, detail_type="X"))
        found = events.page(tx, **MINE, limit=3)
        assert [each.event.detail["n"] for each in found] == [7, 4, 3]
        assert found[1].event == event(4)
        after = (found[-1].event.at, found[-1].sequence)
        assert [each.event.detail["n"] for each in events.page(tx, **MINE, after=after, limit=9)] == [2, 1, 0]
        assert [each.event.detail["n"] for each in events.page(tx, **MINE, detail_type="X", limit=9)] == [7]
        between = {"since": NOW + timedelta(seconds=1), "until": NOW + timedelta(seconds=3)}
        assert [each.event.detail["n"] for each in events.page(tx, **MINE, **between, limit=9)] == [2, 1]


def test_what_is_rolled_back_is_no_event(catalog: Catalog) -> None:
    with contextlib.suppress(ZeroDivisionError), catalog.begin() as tx:
        events.add(tx, event(1))
        raise ZeroDivisionError
    with catalog.read() as tx:
        assert events.page(tx, **MINE, limit=9) == []
        assert not events.has_new_or_older(tx, NOW)


def test_each_target_is_told_of_each_event_by_one_who_took_it(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        events.add(tx, event(1), event(2))
    with catalog.begin() as tx:
        assert events.has_new_or_older(tx, NOW)
        assert events.spread(tx, [ONE, OTHER], now=NOW, limit=9) == 2
        assert events.spread(tx, [ONE, OTHER], now=NOW, limit=9) == 0
    with catalog.begin() as tx:
        assert events.is_due(tx, ONE.url, now=NOW)
        taken = events.claim(tx, ONE.url, now=NOW, limit=9)
        assert [each.stored.event.detail["n"] for each in taken] == [1, 2]
        assert events.claim(tx, ONE.url, now=NOW, limit=9) == [], "what is taken is nobody else's"
        assert not events.is_due(tx, ONE.url, now=NOW)
        assert len(events.claim(tx, OTHER.url, now=NOW, limit=9)) == 2
        events.mark_delivered(tx, taken[0])
        later = NOW + events.LEASE
        (again,) = events.claim(tx, ONE.url, now=later, limit=9)
        assert (again.stored, again.attempt_count, again.since) == (taken[1].stored, 2, NOW)
        assert events.counts(tx) == {
            (ONE.url, DeliveryState.DELIVERED): 1,
            (ONE.url, DeliveryState.PENDING): 1,
            (OTHER.url, DeliveryState.PENDING): 2,
        }


def test_what_failed_is_due_later_and_what_is_dead_until_somebody_revives_it(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        events.add(tx, event(1))
        events.spread(tx, [ONE], now=NOW, limit=9)
        (taken,) = events.claim(tx, ONE.url, now=NOW, limit=9)
        events.mark_failed(tx, taken, "HTTP 500", next_at=NOW + timedelta(hours=1))
        assert events.claim(tx, ONE.url, now=NOW + timedelta(minutes=59), limit=9) == []
        (taken,) = events.claim(tx, ONE.url, now=NOW + timedelta(hours=1), limit=9)
        assert taken.last_error == "HTTP 500"
        events.mark_failed(tx, taken, "HTTP 501", next_at=None)
        (dead,) = events.dead(tx, **MINE, limit=9)
        assert (dead.state, dead.last_error, dead.target) == (DeliveryState.DEAD, "HTTP 501", ONE.url)
        assert events.claim(tx, ONE.url, now=NOW + timedelta(days=9), limit=9) == []
        assert events.dead(tx, account_id=ACCOUNT, site="elsewhere", limit=9) == []
        assert events.revive(tx, account_id=ACCOUNT, site="elsewhere", now=NOW) == 0
        assert events.revive(tx, **MINE, now=NOW) == 1
        (taken,) = events.claim(tx, ONE.url, now=NOW, limit=9)
        assert taken.attempt_count == 1


def test_old_events_are_forgotten_with_their_deliveries(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        events.add(tx, event(1), event(2), event(3))
        events.spread(tx, [ONE], now=NOW, limit=9)
        before = NOW + timedelta(seconds=3)
        assert not events.has_new_or_older(tx, NOW)
        assert events.has_new_or_older(tx, before)
        assert events.forget(tx, before=before, limit=1) == 1
        assert events.forget(tx, before=before, limit=9) == 1
        assert events.forget(tx, before=before, limit=9) == 0
        assert [each.event.detail["n"] for each in events.page(tx, **MINE, limit=9)] == [3]
        assert events.counts(tx) == {(ONE.url, DeliveryState.PENDING): 1}
