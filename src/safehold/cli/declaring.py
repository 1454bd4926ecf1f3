"""What `source` and `tag` do: declare sources, ask them, tag what they hold."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.own_folders import without_own_folders
from safehold.connectors.registry import connector_of
from safehold.core import ids
from safehold.core.errors import AlreadyExists, SafeholdError
from safehold.domain import tags as checks
from safehold.domain.resources import Matches, Resource, TagRule
from safehold.domain.sources import TAGS_SETTING, Source
from safehold.jobs.discovery import Discovery
from safehold.jobs.discovery import discover as ask
from safehold.records import resources, sources, tag_rules, tags

PAGE = 1000


def add_source(
    installation: Installation,
    *,
    kind: str,
    name: str,
    resource_type: str,
    settings: Mapping[str, object],
    tags: Mapping[str, str],
) -> tuple[Source, Discovery]:
    """The source is there and was asked; nothing is kept of one that cannot be asked.

    Raises AlreadyExists, ConfigError for an unknown kind or setting, SourceError.
    """
    connector = connector_of(kind)
    checks.check(tags)
    source = Source(
        id=source_id(installation, name),
        account_id=installation.account_id,
        site=installation.site,
        name=name,
        kind=kind,
        resource_type=resource_type,
        settings={**without_own_folders(installation, settings), TAGS_SETTING: dict(tags)},
        created_at=installation.clock.now(),
    )
    with installation.catalog.begin() as tx:
        if sources.find(tx, source.id) is not None:
            raise AlreadyExists(f"there is a source {name} already")
        sources.insert_source(tx, source)
    try:
        return source, ask(installation.catalog, source, connector, installation.clock.now())
    except SafeholdError:
        with installation.catalog.begin() as tx:
            sources.delete(tx, source.id)
        raise


def source_id(installation: Installation, name: str) -> str:
    """A source's id follows from its name: one that is removed and added again finds its resources again."""
    seed = f"safehold:source:{installation.account_id}:{installation.site}:{name}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, seed))


def allow_restores_to(installation: Installation, source: Source, root: str) -> Source:
    """Restores through this source may write to `root` too."""
    with installation.catalog.begin() as tx:
        now = sources.get_by_name(tx, source.name, account_id=source.account_id, site=source.site)
        roots = now.settings.get("writable_roots", [])
        known = [str(each) for each in roots] if isinstance(roots, list) else []
        changed = replace(now, settings={**now.settings, "writable_roots": [*known, root]})
        sources.update_settings(tx, changed.id, changed.settings)
    return changed


def all_sources(installation: Installation) -> list[dict[str, Any]]:
    """Every source of the installation's site, by name, for showing."""
    with installation.catalog.read() as tx:
        found = sources.page(tx, account_id=installation.account_id, site=installation.site, limit=PAGE)
        return [
            {
                "name": source.name,
                "kind": source.kind,
                "type": source.resource_type,
                "path": source.settings.get("path"),
                "settings": dict(source.settings),
                "resource_count": len(resources.of_source(tx, source.id)),
                "discovered_at": source.discovered_at,
                "error": source.discovery_error,
            }
            for source in found
        ]


def discover_sources(installation: Installation, name: str | None) -> list[dict[str, Any]]:
    """Ask one source, or all; answers what they hold. Raises ResourceNotFound, SourceError."""
    account_id, site = installation.account_id, installation.site
    with installation.catalog.read() as tx:
        if name is None:
            asked = sources.page(tx, account_id=account_id, site=site, limit=PAGE)
        else:
            asked = [sources.get_by_name(tx, name, account_id=account_id, site=site)]
    now = installation.clock.now()
    return [
        shown(installation, each, ask(installation.catalog, each, connector_of(each.kind), now))
        for each in asked
    ]


def remove_source(installation: Installation, name: str) -> list[str]:
    """The source is gone, its resources are found no more; answers their ARNs. Raises ResourceNotFound."""
    now = installation.clock.now()
    with installation.catalog.begin() as tx:
        source = sources.get_by_name(tx, name, account_id=installation.account_id, site=installation.site)
        arns = [resource.arn for resource in resources.of_source(tx, source.id)]
        resources.mark_orphaned(tx, source_id=source.id, now=now)
        sources.delete(tx, source.id)
    return arns


def shown(installation: Installation, source: Source, discovery: Discovery) -> dict[str, Any]:
    """What asking a source brought, for showing."""
    with installation.catalog.read() as tx:
        tagged = tags.of_many(tx, [resource.arn for resource in discovery.found])
    return {
        "name": source.name,
        "kind": source.kind,
        "arns": [resource.arn for resource in discovery.found],
        "resources": [_resource(resource, tagged[resource.arn]) for resource in discovery.found],
        "new": [resource.arn for resource in discovery.new],
        "lost": discovery.lost,
    }


def tag_one(installation: Installation, arn: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """The thing has these tags too; answers all it has. Raises ResourceNotFound, InvalidParameterValue."""
    if arn.split(":")[2:3] == ["backup"]:
        installation.client.call("TagResource", ResourceArn=arn, Tags=dict(wanted))
        return dict(installation.client.call("ListTags", ResourceArn=arn)["Tags"])
    with installation.catalog.begin() as tx:
        resources.get(tx, arn, account_id=installation.account_id, site=installation.site)
        merged = checks.added(tags.of(tx, arn), wanted)
        tags.put(tx, arn, wanted)
    return merged


def add_rule(
    installation: Installation, pattern: str, matches: Matches, wanted: Mapping[str, str]
) -> list[str]:
    """What matches is tagged: now, and when it is found; answers the ARNs of what matches now.

    Resources that are there keep a tag that they have under that key.
    """
    checks.check(wanted)
    now = installation.clock.now()
    rules = [
        TagRule(ids.new_id(), installation.account_id, pattern, matches, key, value, now)
        for key, value in wanted.items()
    ]
    with installation.catalog.begin() as tx:
        for rule in rules:
            if tag_rules.find(tx, rule) is None:
                tag_rules.insert_rule(tx, rule)
        present = resources.present(tx, account_id=installation.account_id, site=installation.site)
        matching = [each.arn for each in present if rules and rules[0].applies_to(each)]
        for arn, has in tags.of_many(tx, matching).items():
            tags.put(tx, arn, {**wanted, **has})
    return matching


def all_rules(installation: Installation) -> list[dict[str, Any]]:
    """The account's tag rules, oldest first, for showing."""
    with installation.catalog.read() as tx:
        rules = tag_rules.of_account(tx, installation.account_id)
    return [
        {"id": r.id, "on": str(r.matches), "pattern": r.pattern, "tag": f"{r.tag_key}={r.tag_value}"}
        for r in rules
    ]


def remove_rule(installation: Installation, rule_id: str) -> bool:
    """The rule tags nothing any more; False when there is none of that id."""
    with installation.catalog.begin() as tx:
        return tag_rules.delete(tx, rule_id, account_id=installation.account_id)


def _resource(resource: Resource, tagged: Mapping[str, str]) -> dict[str, Any]:
    return {
        "arn": resource.arn,
        "type": resource.resource_type,
        "name": resource.name,
        "path": resource.facts.get("path"),
        "size_bytes": resource.size_bytes,
        "tags": dict(tagged),
        "tags_text": " ".join(f"{key}={value}" for key, value in tagged.items()) or None,
    }
