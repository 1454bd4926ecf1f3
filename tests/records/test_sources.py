"""Sources, resources and tag rules come back as they were stored, page by page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from safehold.core.errors import ResourceNotFound
from safehold.domain.resources import Matches, Resource, TagRule
from safehold.domain.sources import Source
from safehold.records import resources, sources, tables, tag_rules
from safehold.records.engine import Catalog

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ACCOUNT = "1" * 12
SITE = "us-east-1"


@pytest.fixture(autouse=True)
def account(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        tx.execute(insert(tables.account).values(id=ACCOUNT, name="a", created_at=NOW))


def a_source(name: str) -> Source:
    return Source(f"id-{name}", ACCOUNT, SITE, name, "files", "EFS", {"path": "/srv"}, NOW)


def a_resource(name: str, source_id: str | None = "id-a") -> Resource:
    return Resource(f"arn:{name}", ACCOUNT, SITE, source_id, "EFS", name, 5, {"path": "/srv"}, NOW)


def test_sources_are_paged_by_name(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        for name in "cab":
            sources.insert_source(tx, a_source(name))
        first = sources.page(tx, account_id=ACCOUNT, site=SITE, limit=2)
        rest = sources.page(tx, account_id=ACCOUNT, site=SITE, after=(first[-1].name,), limit=2)
    assert first + rest == [a_source(name) for name in "abc"]


def test_an_unknown_source_is_not_found(catalog: Catalog) -> None:
    with catalog.read() as tx, pytest.raises(ResourceNotFound, match="nowhere"):
        sources.get_by_name(tx, "nowhere", account_id=ACCOUNT, site=SITE)


def test_one_of_two_workers_gets_to_ask_a_source(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        sources.insert_source(tx, a_source("a"))
        assert sources.claim_discovery(tx, "id-a", asked_before=NOW, now=NOW)
        assert not sources.claim_discovery(tx, "id-a", asked_before=NOW, now=NOW)


def test_resources_are_paged_by_arn_and_filtered_by_type(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        for name in "cab":
            assert resources.upsert(tx, a_resource(name))
        first = resources.page(tx, account_id=ACCOUNT, site=SITE, limit=2)
        rest = resources.page(tx, account_id=ACCOUNT, site=SITE, after=(first[-1].arn,), limit=2)
        assert not resources.page(tx, account_id=ACCOUNT, site=SITE, resource_type="S3", limit=2)
    assert first + rest == [a_resource(name) for name in "abc"]


def test_a_resource_of_another_account_is_not_found(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        resources.upsert(tx, a_resource("a"))
        with pytest.raises(ResourceNotFound, match="source add"):
            resources.get(tx, "arn:a", account_id="2" * 12, site=SITE)


def test_a_source_holds_only_what_is_not_lost(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        for name in "ab":
            resources.upsert(tx, a_resource(name))
        assert resources.mark_lost(tx, source_id="id-a", still_there=["arn:a"], now=NOW) == ["arn:b"]
        assert resources.of_source(tx, "id-a") == [a_resource("a")]


def test_rules_come_oldest_first_and_can_be_forgotten(catalog: Catalog) -> None:
    rules = [
        TagRule(f"r{year}", ACCOUNT, "*", Matches.PATH, "k", "v", NOW.replace(year=year))
        for year in (2029, 2028)
    ]
    with catalog.begin() as tx:
        for rule in rules:
            tag_rules.insert_rule(tx, rule)
        assert tag_rules.of_account(tx, ACCOUNT) == rules[::-1]
        assert tag_rules.find(tx, rules[0]) == rules[1]
        assert tag_rules.delete(tx, "r2028", account_id=ACCOUNT)
        assert not tag_rules.delete(tx, "r2028", account_id=ACCOUNT)
