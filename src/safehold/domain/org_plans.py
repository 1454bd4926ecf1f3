"""An effective backup policy as plans and selections of one account and site. Pure.

Source: AWS Organizations guide, "Backup policy syntax and examples"; docs/parity/organizations.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from safehold.core.errors import InvalidParameterValue, RequestError
from safehold.domain.backup_requests import CopyRequest
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.plans import AdvancedSetting, PlanDocument, Rule
from safehold.domain.schedule import DEFAULT_EXPRESSION, DEFAULT_TIMEZONE
from safehold.domain.selection import Condition, Operator, SelectionDocument, TagEntry
from safehold.domain.windows import DEFAULT_COMPLETION_WINDOW_MINUTES, DEFAULT_START_WINDOW_MINUTES

Node: TypeAlias = Mapping[str, Any]

PREFIX = "orgs/"
_OPERATORS = {
    "string_equals": Operator.EQUALS,
    "string_not_equals": Operator.NOT_EQUALS,
    "string_like": Operator.LIKE,
    "string_not_like": Operator.NOT_LIKE,
}


@dataclass(frozen=True, slots=True)
class OrgPlan:
    """A plan as an organization's policies make it, with its selections and tags."""

    document: PlanDocument
    selections: tuple[SelectionDocument, ...]
    tags: Mapping[str, str]


def is_of_organization(plan_id: str) -> bool:
    return plan_id.startswith(PREFIX)


def check_own(plan_id: str, verb: str) -> None:
    """Raise InvalidParameterValue, in AWS's words, for a plan that only its organization changes."""
    if is_of_organization(plan_id):
        raise InvalidParameterValue(
            f"Backup plan cannot be {verb} for backup plan {plan_id} created by organizations"
        )


def sites_of(policy: Node) -> set[str]:
    """Sites that any plan of the policy is for."""
    return {site for plan in _named(policy, "plans").values() for site in _texts(plan, "regions")}


def plans_of(policy: Node, *, account_id: str, site: str) -> tuple[list[OrgPlan], dict[str, str]]:
    """Plans for that account and site, and by name what is wrong with those that can be none."""
    made: list[OrgPlan] = []
    faults: dict[str, str] = {}
    for name, plan in _named(policy, "plans").items():
        if site not in _texts(plan, "regions"):
            continue
        try:
            made.append(_plan(name, plan, _Place(account_id, site)))
        except RequestError as error:
            faults[name] = str(error)
    return made, faults


@dataclass(frozen=True, slots=True)
class _Place:
    account_id: str
    site: str

    def fill(self, text: str) -> str:
        """`$account` and `$region` stand for where the plan comes to be."""
        return text.replace("$account", self.account_id).replace("$region", self.site)


def _plan(name: str, node: Node, place: _Place) -> OrgPlan:
    rules = tuple(_rule(key, rule, place) for key, rule in _named(node, "rules").items())
    if not rules:
        raise InvalidParameterValue(f"plan {name} has no rules")
    selections = tuple(_selections(_node(node, "selections"), place))
    settings = tuple(
        AdvancedSetting(kind.upper(), {_OPTIONS.get(key, key): str(value) for key, value in options.items()})
        for kind, options in _named(node, "advanced_backup_settings").items()
    )
    document = PlanDocument(name, rules, settings or None)
    return OrgPlan(document, selections, _tags(node, "backup_plan_tags"))


_OPTIONS = {
    "windows_vss": "WindowsVSS",
    "backup_acls": "BackupACLs",
    "backup_object_tags": "BackupObjectTags",
}


def _rule(name: str, node: Node, place: _Place) -> Rule:
    vault = _text(node, "target_backup_vault_name")
    if vault is None:
        raise InvalidParameterValue(f"rule {name} has no target_backup_vault_name")
    air_gapped = _text(node, "target_logically_air_gapped_backup_vault_arn")
    copies = tuple(_copy(key, copy, place) for key, copy in _named(node, "copy_actions").items())
    continuous = _text(node, "enable_continuous_backup")
    types = tuple(_texts(_node(node, "index_actions"), "resource_types"))
    return Rule(
        name=name,
        vault_name=vault,
        schedule_expression=_text(node, "schedule_expression") or DEFAULT_EXPRESSION,
        timezone=_text(node, "schedule_expression_timezone") or DEFAULT_TIMEZONE,
        start_window_minutes=_number(node, "start_backup_window_minutes") or DEFAULT_START_WINDOW_MINUTES,
        completion_window_minutes=_number(node, "complete_backup_window_minutes")
        or DEFAULT_COMPLETION_WINDOW_MINUTES,
        lifecycle=_lifecycle(node),
        recovery_point_tags=_tags(node, "recovery_point_tags") or None,
        copies=copies or None,
        is_continuous=None if continuous is None else continuous == "true",
        air_gapped_vault_arn=None if air_gapped is None else place.fill(air_gapped),
        index_actions=(types,) if types else None,
    )


def _copy(key: str, node: Node, place: _Place) -> CopyRequest:
    target = _text(node, "target_backup_vault_arn") or key
    return CopyRequest(place.fill(target), _lifecycle(node))


def _lifecycle(node: Node) -> Lifecycle | None:
    found = _node(node, "lifecycle")
    if not found:
        return None
    opt_in = _text(found, "opt_in_to_archive_for_supported_resources")
    return Lifecycle(
        move_to_cold_storage_after_days=_number(found, "move_to_cold_storage_after_days"),
        delete_after_days=_number(found, "delete_after_days"),
        opt_in_to_archive=None if opt_in is None else opt_in == "true",
    )


def _selections(node: Node, place: _Place) -> Iterator[SelectionDocument]:
    for name, entry in _named(node, "tags").items():
        key = _text(entry, "tag_key")
        if key is None:
            raise InvalidParameterValue(f"selection {name} has no tag_key")
        tags = tuple(TagEntry(key, value) for value in _texts(entry, "tag_value"))
        conditions = _conditions(entry)
        yield SelectionDocument(name, _role(name, entry, place), tags=tags, conditions=conditions)
    for name, entry in _named(node, "resources").items():
        yield SelectionDocument(
            name,
            _role(name, entry, place),
            resources=tuple(map(place.fill, _texts(entry, "resource_types"))),
            not_resources=tuple(map(place.fill, _texts(entry, "not_resource_types"))) or None,
            conditions=_conditions(entry),
        )


def _role(name: str, node: Node, place: _Place) -> str:
    role = _text(node, "iam_role_arn")
    if role is None:
        raise InvalidParameterValue(f"selection {name} has no iam_role_arn")
    return place.fill(role)


def _conditions(node: Node) -> tuple[Condition, ...] | None:
    found = [
        Condition(operator, _text(entry, "condition_key") or "", _text(entry, "condition_value") or "")
        for word, operator in _OPERATORS.items()
        for entry in _named(_node(node, "conditions"), word).values()
    ]
    return tuple(found) or None


def _tags(node: Node, name: str) -> dict[str, str]:
    """Tags are named twice: by whatever name merges them, and by their key."""
    found = {}
    for label, entry in _named(node, name).items():
        found[_text(entry, "tag_key") or label] = _text(entry, "tag_value") or ""
    return found


def _node(node: Node, name: str) -> Node:
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}


def _named(node: Node, name: str) -> Mapping[str, Node]:
    return {key: entry for key, entry in _node(node, name).items() if isinstance(entry, Mapping)}


def _text(node: Node, name: str) -> str | None:
    found = node.get(name)
    return found if isinstance(found, str) else None


def _texts(node: Node, name: str) -> Sequence[str]:
    found = node.get(name)
    if isinstance(found, str):
        return [found]
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def _number(node: Node, name: str) -> int | None:
    text = _text(node, name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise InvalidParameterValue(f"{name} is {text[:50]!r}, not a number")
    return int(text)
