"""Discovery: asking sources what they hold, and writing it down.

A source that cannot be asked keeps its resources as they were: nothing is lost because a server was down
for a minute. Its error is stored with it and shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from safehold.connectors.contract import Connector, FoundResource, SourceSpec
from safehold.core.errors import SafeholdError, SourceError, SourceMissing
from safehold.domain.resources import Resource, tags_when_found
from safehold.domain.sources import TAGS_SETTING, Source
from safehold.records import resources, sources, tag_rules, tags
from safehold.records.engine import Catalog
from safehold.records.tx import Tx

log = logging.getLogger(__name__)

ConnectorOf = Callable[[str], Connector]  # by a source's kind


@dataclass(frozen=True, slots=True)
class Discovery:
    """What asking a source brought: everything it holds, what of it is new, and ARNs of what is gone."""

    found: list[Resource]
    new: list[Resource]
    lost: list[str]


def spec_of(source: Source) -> SourceSpec:
    """The source as its connector wants to see it: the tags declared with it are not the connector's."""
    settings = {name: value for name, value in source.settings.items() if name != TAGS_SETTING}
    return SourceSpec(
        source_id=source.id,
        name=source.name,
        kind=source.kind,
        resource_type=source.resource_type,
        account_id=source.account_id,
        site=source.site,
        settings=settings,
    )


def discover(catalog: Catalog, source: Source, connector: Connector, now: datetime) -> Discovery:
    """Ask the source what it holds and record it. Raises SourceError, which is recorded too.

    May run twice at once: what is written is what the source said, and tags are given only by whoever finds
    a resource first.
    """
    try:
        found = connector.discover(spec_of(source))
    except SourceError as error:
        with catalog.begin() as tx:
            sources.update_discovered(tx, source.id, at=now, error=str(error))
        raise
    with catalog.begin() as tx:
        return _record(tx, source, found, now)


def discover_due(catalog: Catalog, connector_of: ConnectorOf, *, now: datetime, every_seconds: float) -> int:
    """Ask every source that was last asked so long ago; answers how many. Of several workers, one asks."""
    asked_before = now - timedelta(seconds=every_seconds)
    with catalog.read() as tx:
        due = sources.due_for_discovery(tx, asked_before=asked_before)
    return sum(_discover_if_mine(catalog, source, connector_of, now, asked_before) for source in due)


def _discover_if_mine(
    catalog: Catalog, source: Source, connector_of: ConnectorOf, now: datetime, asked_before: datetime
) -> bool:
    with catalog.begin() as tx:
        if not sources.claim_discovery(tx, source.id, asked_before=asked_before, now=now):
            return False
    try:
        discover(catalog, source, connector_of(source.kind), now)
    except SafeholdError as error:
        log.warning("source %s cannot be asked what it holds: %s", source.name, error)
    return True


def _record(tx: Tx, source: Source, found: list[FoundResource], now: datetime) -> Discovery:
    if sources.find(tx, source.id) is None:  # RACE: it was removed while it was being asked
        raise SourceMissing(f"source {source.name} has been removed")
    rules = tag_rules.of_account(tx, source.account_id)
    known = [_resource(source, each, now) for each in found]
    new = []
    for each, resource in zip(found, known, strict=True):
        given = tags.of(tx, resource.arn)
        if resources.upsert(tx, resource):
            new.append(resource)
            given = tags_when_found(resource, source, each.tags, rules) | given
        # a tag that a person has changed here stays as it is
        tags.put(tx, resource.arn, {**each.tags, **given})
    lost = resources.mark_lost(
        tx, source_id=source.id, still_there=[resource.arn for resource in known], now=now
    )
    sources.update_discovered(tx, source.id, at=now, error=None)
    return Discovery(known, new, lost)


def _resource(source: Source, found: FoundResource, now: datetime) -> Resource:
    return Resource(
        arn=found.arn,
        account_id=source.account_id,
        site=source.site,
        source_id=source.id,
        resource_type=found.resource_type,
        name=found.name,
        size_bytes=found.size_bytes,
        facts=found.facts,
        found_at=now,
    )
