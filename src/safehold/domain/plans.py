"""A backup plan: rules that say when, how long and into which vault; and what a plan may not say. Pure.

A plan's document is replaced as a whole; each replacement is a version and keeps the ids of rules by name.
Source: model 2018-11-15 `BackupPlan`, `BackupRule`; docs/parity/plans.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from safehold.domain.backup_requests import CopyRequest
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.schedule import DEFAULT_EXPRESSION, DEFAULT_TIMEZONE, Schedule, parse_schedule
from safehold.domain.windows import DEFAULT_COMPLETION_WINDOW_MINUTES, DEFAULT_START_WINDOW_MINUTES


@dataclass(frozen=True, slots=True)
class ScanAction:
    """A malware scan after the backup, by the scanner that a `ScanSetting` of the plan sets up."""

    malware_scanner: str | None = None
    scan_mode: str | None = None


@dataclass(frozen=True, slots=True)
class ScanSetting:
    malware_scanner: str | None = None
    resource_types: tuple[str, ...] = ()
    scanner_role_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """None, for what a client may leave out: it did, and is shown none.

    id               stays with the rule's name over all versions of its plan; "" in a document not yet stored
    scheduled_since  since when this schedule holds: due times before it are nobody's
    is_continuous    asked for; a source that cannot makes a snapshot
    """

    name: str
    vault_name: str
    id: str = ""
    schedule_expression: str = DEFAULT_EXPRESSION
    timezone: str = DEFAULT_TIMEZONE
    start_window_minutes: int = DEFAULT_START_WINDOW_MINUTES
    completion_window_minutes: int = DEFAULT_COMPLETION_WINDOW_MINUTES
    lifecycle: Lifecycle | None = None
    recovery_point_tags: dict[str, str] | None = None
    copies: tuple[CopyRequest, ...] | None = None
    is_continuous: bool | None = None
    air_gapped_vault_arn: str | None = None
    index_actions: tuple[tuple[str, ...], ...] | None = None
    scan_actions: tuple[ScanAction, ...] | None = None
    scheduled_since: datetime | None = None

    @property
    def schedule(self) -> Schedule:
        """Raises InvalidParameterValue; never for a stored rule."""
        return parse_schedule(self.schedule_expression, self.timezone)

    def has_schedule_of(self, other: Rule) -> bool:
        return (self.schedule_expression, self.timezone) == (other.schedule_expression, other.timezone)


@dataclass(frozen=True, slots=True)
class AdvancedSetting:
    """Options for how resources of one type are backed up."""

    resource_type: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """What a client writes."""

    name: str
    rules: tuple[Rule, ...]
    advanced_settings: tuple[AdvancedSetting, ...] | None = None
    scan_settings: tuple[ScanSetting, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in which the catalog keeps it."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> PlanDocument:
        return msgspec.convert(dict(stored), PlanDocument)

    def rule(self, rule_id: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def options_of(self, resource_type: str) -> dict[str, str]:
        """Backup options for resources of that type; the last setting that names one wins."""
        merged: dict[str, str] = {}
        for setting in self.advanced_settings or ():
            if setting.resource_type == resource_type:
                merged.update(setting.options)
        return merged


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A plan as of one version.

    created_at          of the plan
    version_created_at  of this version
    deleted_at          of the plan; None while it is active
    """

    id: str
    account_id: str
    site: str
    arn: str
    version_id: str
    document: PlanDocument
    created_at: datetime
    version_created_at: datetime
    creator_request_id: str | None = None
    deleted_at: datetime | None = None
    last_execution_at: datetime | None = None


def document_digest(document: PlanDocument) -> str:
    """Equal for two documents that say the same, whatever their rules' ids."""
    bare = replace(
        document, rules=tuple(replace(rule, id="", scheduled_since=None) for rule in document.rules)
    )
    return hashlib.sha256(json.dumps(bare.to_json(), sort_keys=True).encode()).hexdigest()


def with_rule_ids(
    document: PlanDocument, previous: PlanDocument | None, *, new_ids: tuple[str, ...], now: datetime
) -> PlanDocument:
    """The document with an id for each rule: that of the previous version's rule of its name, else a new one.

    A rule whose schedule stays the same keeps `scheduled_since`, so that an update between a due time and
    its run loses nothing.
    """
    known = {rule.name: rule for rule in previous.rules} if previous is not None else {}
    rules = (
        _identified(rule, known.get(rule.name), new_id, now)
        for rule, new_id in zip(document.rules, new_ids, strict=True)
    )
    return replace(document, rules=tuple(rules))


def with_schedules_begun(document: PlanDocument, *, now: datetime) -> PlanDocument:
    """The document, with schedules that hold only from later than now, as a clock that ran ahead has left
    them, holding from now on."""
    rules = tuple(
        replace(rule, scheduled_since=now) if (rule.scheduled_since or now) > now else rule
        for rule in document.rules
    )
    return replace(document, rules=rules)


def _identified(rule: Rule, before: Rule | None, new_id: str, now: datetime) -> Rule:
    if before is None:
        return replace(rule, id=new_id, scheduled_since=now)
    since = before.scheduled_since if rule.has_schedule_of(before) else now
    return replace(rule, id=before.id, scheduled_since=since)
