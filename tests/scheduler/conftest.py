"""An account with a vault, a role, resources and a plan, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from safehold.domain import arns
from safehold.domain.firings import Outcome
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.plans import PlanDocument, PlanVersion, Rule, with_rule_ids
from safehold.domain.resources import Resource
from safehold.domain.selection import Selection, SelectionDocument, TagEntry
from safehold.domain.vaults import Vault
from safehold.records import firings, plans, resources, selections, tables, tags, vaults
from safehold.records.engine import Catalog
from safehold.scheduler.tick import tick

ACCOUNT = "1" * 12
SITE = "us-east-1"
MADE = datetime(2030, 1, 1, tzinfo=UTC)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
HOURLY = Rule("hourly", "Default", schedule_expression="cron(0 * * * ? *)", start_window_minutes=60)


def at(text: str, day: int = 1) -> datetime:
    hour, minute = text.split(":")
    return datetime(2030, 1, day, int(hour), int(minute), tzinfo=UTC)


def a_resource(name: str, **changes: object) -> Resource:
    arn = f"arn:aws:elasticfilesystem:{SITE}:{ACCOUNT}:file-system/{name}"
    resource = Resource(arn, ACCOUNT, SITE, None, "EFS", name, None, {}, MADE)
    return replace(resource, **changes)  # type: ignore[arg-type]


class World:
    """What the tests of this room do to a catalog; one transaction each."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        with catalog.begin() as tx:
            tx.execute(insert(tables.account).values(id=ACCOUNT, name="a", created_at=MADE))
            tx.execute(insert(tables.site).values(name=SITE, storage_url="x", created_at=MADE))
            arn = arns.vault_arn(SITE, ACCOUNT, "Default")
            vaults.insert_if_new(tx, Vault("v", ACCOUNT, SITE, "Default", arn, "key", MADE))

    def plan(self, *rules: Rule, plan_id: str = "p", **changes: object) -> PlanVersion:
        ids = tuple(f"{rule.name}-id" for rule in rules)
        document = with_rule_ids(PlanDocument("daily", rules), None, new_ids=ids, now=MADE)
        plan = PlanVersion(plan_id, ACCOUNT, SITE, f"arn:{plan_id}", "v1", document, MADE, MADE)
        plan = replace(plan, **changes)  # type: ignore[arg-type]
        with self.catalog.begin() as tx:
            plans.insert_plan(tx, plan)
        return plan

    def selection(self, name: str, *patterns: str, tag: tuple[str, str] | None = None) -> None:
        entries = () if tag is None else (TagEntry(*tag),)
        document = SelectionDocument(name, ROLE, patterns, tags=entries)
        with self.catalog.begin() as tx:
            selections.insert_if_new(tx, Selection(name, "p", document, MADE))

    def resource(self, name: str, *, site: str = SITE, lost: bool = False, **labels: str) -> None:
        resource = a_resource(name, site=site)
        with self.catalog.begin() as tx:
            resources.upsert(tx, replace(resource, source_id="s" if lost else None))
            tags.put(tx, resource.arn, labels)
            if lost:
                resources.mark_lost(tx, source_id="s", still_there=(), now=MADE)

    def tick(self, now: datetime) -> list[str]:
        """Names of what got a job."""
        with self.catalog.begin() as tx:
            return [str(job.resource_name) for job in tick(tx, now)]

    def firings(self) -> list[tuple[str, Outcome, int]]:
        """Due hour and minute, outcome and count of jobs, latest first."""
        with self.catalog.read() as tx:
            found = firings.of_plan(tx, "p", limit=100)
        return [(f"{row.due_at:%H:%M}", row.outcome, row.job_count) for row in found]


def kept(rule: Rule, days: int) -> Rule:
    return replace(rule, lifecycle=Lifecycle(delete_after_days=days))


@pytest.fixture
def world(catalog: Catalog) -> World:
    return World(catalog)


@pytest.fixture
def sqlite_world(sqlite_catalog: Catalog) -> World:
    return World(sqlite_catalog)
