"""Discovery records what a source holds, tags what is new, and loses nothing because a source is down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from safehold.connectors.contract import FoundResource, SourceSpec
from safehold.core.errors import SourceMissing
from safehold.domain.resources import Matches, TagRule
from safehold.domain.sources import Source
from safehold.jobs.discovery import discover, discover_due
from safehold.records import resources, sources, tables, tag_rules, tags
from safehold.records.engine import Catalog

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ACCOUNT = "1" * 12
SITE = "us-east-1"


@dataclass
class Shelf:
    """A source connector over a list; it can fail."""

    holds: list[FoundResource] = field(default_factory=list)
    is_down: bool = False
    asked: int = 0

    def discover(self, source: SourceSpec) -> list[FoundResource]:
        self.asked += 1
        if self.is_down:
            raise SourceMissing(f"{source.name} is down")
        return self.holds


def found(name: str, **tags_known: str) -> FoundResource:
    return FoundResource(f"arn:{name}", "EFS", name, None, {"path": f"/srv/{name}"}, tags_known)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    tables.metadata.create_all(opened.engine)
    with opened.begin() as tx:
        tx.execute(insert(tables.account).values(id=ACCOUNT, name="a", created_at=NOW))
    yield opened
    opened.close()


@pytest.fixture
def source(catalog: Catalog) -> Source:
    source = Source("s1", ACCOUNT, SITE, "shelf", "files", "EFS", {"tags": {"team": "a"}}, NOW)
    with catalog.begin() as tx:
        sources.insert_source(tx, source)
    return source


def tags_of(catalog: Catalog, name: str) -> dict[str, str]:
    with catalog.read() as tx:
        return tags.of(tx, f"arn:{name}")


def names_present(catalog: Catalog) -> list[str]:
    with catalog.read() as tx:
        return [each.name for each in resources.present(tx, account_id=ACCOUNT, site=SITE)]


def test_what_is_found_is_recorded_and_tagged_when_new(catalog: Catalog, source: Source) -> None:
    with catalog.begin() as tx:
        rule = TagRule("r1", ACCOUNT, "/srv/b*", Matches.PATH, "backup", "daily", NOW)
        tag_rules.insert_rule(tx, rule)
    outcome = discover(catalog, source, Shelf([found("a"), found("b", own="1")]), NOW)
    assert [each.name for each in outcome.new] == ["a", "b"]
    assert tags_of(catalog, "a") == {"team": "a"}
    assert tags_of(catalog, "b") == {"team": "a", "backup": "daily", "own": "1"}


def test_a_tag_changed_by_hand_survives_the_next_discovery(catalog: Catalog, source: Source) -> None:
    discover(catalog, source, Shelf([found("a", own="1")]), NOW)
    with catalog.begin() as tx:
        tags.put(tx, "arn:a", {"own": "2", "team": "b"})
    outcome = discover(catalog, source, Shelf([found("a", own="1", more="3")]), NOW)
    assert outcome.new == []
    assert tags_of(catalog, "a") == {"own": "2", "team": "b", "more": "3"}


def test_what_vanished_is_lost_until_it_is_found_again(catalog: Catalog, source: Source) -> None:
    discover(catalog, source, Shelf([found("a"), found("b")]), NOW)
    outcome = discover(catalog, source, Shelf([found("a")]), NOW + timedelta(hours=1))
    assert outcome.lost == ["arn:b"]
    assert names_present(catalog) == ["a"]
    later = NOW + timedelta(hours=2)
    assert discover(catalog, source, Shelf([found("a"), found("b")]), later).new == []
    with catalog.read() as tx:
        again = resources.get(tx, "arn:b", account_id=ACCOUNT, site=SITE)
    assert (again.lost_at, again.found_at) == (None, NOW)


def test_a_source_that_is_down_loses_nothing_and_says_why(catalog: Catalog, source: Source) -> None:
    discover(catalog, source, Shelf([found("a")]), NOW)
    with pytest.raises(SourceMissing):
        discover(catalog, source, Shelf(is_down=True), NOW)
    assert names_present(catalog) == ["a"]
    with catalog.read() as tx:
        stored = sources.get_by_name(tx, "shelf", account_id=ACCOUNT, site=SITE)
    assert stored.discovery_error == "shelf is down"


def test_a_removed_source_orphans_its_resources(catalog: Catalog, source: Source) -> None:
    discover(catalog, source, Shelf([found("a")]), NOW)
    with catalog.begin() as tx:
        resources.mark_orphaned(tx, source_id=source.id, now=NOW)
        sources.delete(tx, source.id)
    assert names_present(catalog) == []
    with pytest.raises(SourceMissing, match="removed"):
        discover(catalog, source, Shelf([found("a")]), NOW)


def test_a_source_is_asked_again_only_when_it_is_due(catalog: Catalog, source: Source) -> None:
    shelf = Shelf([found("a")])
    for minutes, expected in [(0, 1), (4, 1), (6, 2)]:
        discover_due(catalog, lambda kind: shelf, now=NOW + timedelta(minutes=minutes), every_seconds=300)  # type: ignore[arg-type,return-value]
        assert shelf.asked == expected


def test_a_source_that_is_down_keeps_no_other_from_being_asked(catalog: Catalog, source: Source) -> None:
    with catalog.begin() as tx:
        sources.insert_source(tx, replace(source, id="s2", name="other"))
    shelf = Shelf(is_down=True)
    assert discover_due(catalog, lambda kind: shelf, now=NOW, every_seconds=300) == 2  # type: ignore[arg-type,return-value]
    with catalog.read() as tx:
        known = sources.page(tx, account_id=ACCOUNT, site=SITE, limit=5)
    assert [each.discovery_error for each in known] == ["other is down", "shelf is down"]
