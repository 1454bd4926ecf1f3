"""What every connector promises, as tests. A connector's test module inherits them and gives a `Bench`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from safehold.connectors.contract import (
    Capture,
    Connector,
    FoundResource,
    Restore,
    RestoreRequest,
    SourceSpec,
)
from safehold.core.errors import RestoreError, SourceDenied, SourceMissing
from safehold.domain.items import CONTENT_KINDS, PreviousTree, walk_order
from tests.connectors.memory_point import MemoryPoint, put_back, take


class Bench(Protocol):
    """A real source of one kind, filled, and a place to restore to."""

    connector: Connector
    source: SourceSpec
    skipped: list[tuple[bytes, str]]

    def new_place(self) -> dict[str, str]:
        """Metadata that asks for a new place to restore to."""

    def forbidden_places(self) -> list[dict[str, str]]:
        """Metadata that must be refused."""

    def differences(self, metadata: dict[str, str]) -> list[str]:
        """What differs between the source and what was restored with that metadata."""

    def change_one(self) -> bytes:
        """Change the content of one item that has one; returns its path."""

    def state_of_places(self) -> object:
        """Everything that a restore may touch, to see that it did not."""

    def take_away(self) -> None:
        """Make the resource vanish."""


LATER = datetime.now(UTC) + timedelta(days=1)  # past whatever a run of all tests takes


def found(bench: Bench) -> FoundResource:
    resources = bench.connector.discover(bench.source)
    assert resources
    return resources[0]


def capture(
    bench: Bench, previous: PreviousTree | None = None, *, now: datetime = LATER
) -> AbstractContextManager[Capture]:
    def skip(path: bytes, why: str) -> None:
        bench.skipped.append((path, why))

    arn = found(bench).arn
    return bench.connector.capture(bench.source, arn, previous or PreviousTree(), now=now, skip=skip)


def backup(bench: Bench, previous: MemoryPoint | None = None, *, now: datetime = LATER) -> MemoryPoint:
    with capture(bench, previous, now=now) as taken:
        return take(taken, previous)


def request(bench: Bench, metadata: dict[str, str], *, job_id: str = "job-1") -> RestoreRequest:
    resource = found(bench)
    return RestoreRequest(resource.arn, resource.facts, metadata, (), job_id, LATER)


def restore(bench: Bench, asked: RestoreRequest) -> AbstractContextManager[Restore]:
    def skip(path: bytes, why: str) -> None:
        bench.skipped.append((path, why))

    return bench.connector.restore(bench.source, asked, skip=skip)


class ConnectorContract:
    """Inherit, and give a fixture `bench`."""

    def test_discovery_finds_the_same_resources_each_time(self, bench: Bench) -> None:
        first, second = (bench.connector.discover(bench.source) for _ in range(2))
        assert first == second
        assert len({resource.arn for resource in first}) == len(first)
        for resource in first:
            assert resource.resource_type in bench.connector.resource_types
            assert f":{bench.source.site}:{bench.source.account_id}:" in resource.arn

    def test_a_resource_that_is_not_there_cannot_be_captured(self, bench: Bench) -> None:
        with (
            pytest.raises(SourceMissing),
            bench.connector.capture(
                bench.source, "arn:of:nothing", PreviousTree(), now=LATER, skip=lambda p, w: None
            ),
        ):
            pass

    def test_a_resource_that_vanished_is_missing(self, bench: Bench) -> None:
        arn = found(bench).arn
        bench.take_away()
        with pytest.raises(SourceMissing):
            bench.connector.discover(bench.source)
        with (
            pytest.raises(SourceMissing),
            bench.connector.capture(bench.source, arn, PreviousTree(), now=LATER, skip=lambda p, w: None),
        ):
            pass

    def test_a_capture_says_of_when_and_of_what_kind_it_is(self, bench: Bench) -> None:
        with capture(bench) as taken:
            assert taken.taken_at.tzinfo is UTC
            assert taken.consistency in ("none", "crash", "application")

    def test_listings_come_depth_first_with_names_in_order_and_once(self, bench: Bench) -> None:
        with capture(bench) as taken:
            for listing in walk_order(taken.listings()):
                names = [item.name for item in listing.items]
                assert names == sorted(set(names))
                assert not {b"", b".", b".."} & set(names)
                assert all(item.content is None for item in listing.items)

    def test_nothing_is_said_to_be_left_out_of_a_source_at_rest(self, bench: Bench) -> None:
        backup(bench)
        assert bench.skipped == []

    def test_what_did_not_change_is_the_very_item_of_before(self, bench: Bench) -> None:
        first = backup(bench)
        second = backup(bench, first)
        assert second.read == []
        assert all(second.item(path) is first.item(path) for path in second.paths())

    def test_what_changed_is_new_and_alone_is_read(self, bench: Bench) -> None:
        first = backup(bench)
        changed = bench.change_one()
        second = backup(bench, first)
        assert second.read == [changed]
        assert second.data[changed] != first.data[changed]

    def test_a_restore_into_a_new_place_brings_everything_back(self, bench: Bench) -> None:
        point = backup(bench)
        asked = request(bench, bench.new_place())
        bench.connector.check_restore(bench.source, asked)
        with restore(bench, asked) as target:
            arn = put_back(point, target)
        assert arn.startswith("arn:")
        assert bench.skipped == []
        assert bench.differences(dict(asked.metadata)) == []

    def test_a_restore_run_twice_by_one_job_leaves_what_one_run_leaves(self, bench: Bench) -> None:
        point = backup(bench)
        asked = request(bench, bench.new_place())
        arns = set()
        for _ in range(2):
            with restore(bench, asked) as target:
                arns.add(put_back(point, target))
        assert len(arns) == 1
        assert bench.skipped == []
        assert bench.differences(dict(asked.metadata)) == []

    def test_a_restore_that_was_broken_off_is_finished_by_the_next_run(self, bench: Bench) -> None:
        point = backup(bench)
        asked = request(bench, bench.new_place())
        with restore(bench, asked) as target:
            for path in point.paths()[: len(point.paths()) // 2]:
                item = point.item(path)
                if item.kind in CONTENT_KINDS:
                    writer = target.open(path, item)
                    writer.write_at(0, point.data[path][: len(point.data[path]) // 2])
                else:
                    target.make(path, item)
        with restore(bench, asked) as target:
            put_back(point, target)
        assert bench.differences(dict(asked.metadata)) == []

    def test_a_restore_where_it_must_not_go_is_refused_and_touches_nothing(self, bench: Bench) -> None:
        before = bench.state_of_places()
        assert bench.forbidden_places()
        for metadata in bench.forbidden_places():
            asked = request(bench, metadata)
            with pytest.raises((RestoreError, SourceDenied)):
                bench.connector.check_restore(bench.source, asked)
            with pytest.raises((RestoreError, SourceDenied)), restore(bench, asked):
                pass
        assert bench.state_of_places() == before

    def test_restore_metadata_is_text_only(self, bench: Bench) -> None:
        metadata = bench.connector.restore_metadata(bench.source, found(bench))
        assert metadata
        assert all(isinstance(text, str) for pair in metadata.items() for text in pair)
