"""Which resources a plan's selection takes, and why. Pure; evaluated anew at every run.

    base   = some pattern of Resources matches the ARN          (`*`: everything opted in)
    tagged = some entry of ListOfTags is on the resource
    chosen = (base or tagged) and every condition holds and no pattern of NotResources matches

Source: AWS Backup Developer Guide, "Assigning resources to a backup plan" (JSON); model 2018-11-15
`BackupSelection`; docs/parity/selections.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

TAG_CONDITION_PREFIX = "aws:ResourceTag/"
RESTORE_TEST_PREFIX = "awsbackup-restore-test"
# Their ARNs do not say which type they are of, so that a pattern alone names none of them.
TYPES_OF_SHARED_ARNS = frozenset({"Aurora", "DocumentDB", "Neptune", "FSx"})


class Operator(StrEnum):
    EQUALS = "StringEquals"
    NOT_EQUALS = "StringNotEquals"
    LIKE = "StringLike"
    NOT_LIKE = "StringNotLike"


@dataclass(frozen=True, slots=True)
class TagEntry:
    """One of ListOfTags. condition_type is kept as the client spelled it."""

    key: str
    value: str
    condition_type: str = "STRINGEQUALS"


@dataclass(frozen=True, slots=True)
class Condition:
    """key is `aws:ResourceTag/` and a tag's key."""

    operator: Operator
    key: str
    value: str

    @property
    def tag_key(self) -> str:
        return self.key.removeprefix(TAG_CONDITION_PREFIX)

    def holds(self, tags: Mapping[str, str]) -> bool:
        """A tag that is absent equals nothing and is like nothing, as with IAM."""
        value = tags.get(self.tag_key)
        match self.operator:
            case Operator.EQUALS:
                return value == self.value
            case Operator.NOT_EQUALS:
                return value != self.value
            case Operator.LIKE:
                return value is not None and matches(self.value, value)
            case Operator.NOT_LIKE:
                return value is None or not matches(self.value, value)


@dataclass(frozen=True, slots=True)
class SelectionDocument:
    """What a client writes; it never changes. None, for what it left out."""

    name: str
    role_arn: str
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    tags: tuple[TagEntry, ...] | None = None
    conditions: tuple[Condition, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in which the catalog keeps it."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> SelectionDocument:
        return msgspec.convert(dict(stored), SelectionDocument)


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of a plan, as stored."""

    id: str
    plan_id: str
    document: SelectionDocument
    created_at: datetime
    creator_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource that may be chosen, as it is now."""

    arn: str
    resource_type: str
    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """reason is one sentence about the resource, for people."""

    is_chosen: bool
    reason: str


def judge(document: SelectionDocument, candidate: Candidate, *, opted_out: Collection[str] = ()) -> Verdict:
    """Is the resource taken, and why? `opted_out` are the types that the site's settings switch off."""
    if _is_restore_test(candidate):
        return Verdict(False, "it was made by a restore test")
    named = [pattern for pattern in document.resources or () if matches(pattern, candidate.arn)]
    tagged = [entry for entry in document.tags or () if candidate.tags.get(entry.key) == entry.value]
    if not named and not tagged:
        return Verdict(False, "neither Resources nor ListOfTags names it")
    if candidate.resource_type in opted_out and not any(_names_type(p, candidate) for p in named):
        return Verdict(False, f"the site's settings opt out of {candidate.resource_type}")
    for condition in document.conditions or ():
        if not condition.holds(candidate.tags):
            return Verdict(False, f"{condition.operator} on {condition.key} does not hold")
    for pattern in document.not_resources or ():
        if matches(pattern, candidate.arn):
            return Verdict(False, f"NotResources has {pattern}")
    return Verdict(True, f"Resources has {named[0]}" if named else f"it has the tag {tagged[0].key}")


def choose(
    selections: Sequence[Selection], candidates: Sequence[Candidate], *, opted_out: Collection[str] = ()
) -> list[tuple[Selection, Candidate]]:
    """Each chosen resource once, with the first of the plan's selections that takes it."""
    chosen = []
    for candidate in candidates:
        takers = (s for s in selections if judge(s.document, candidate, opted_out=opted_out).is_chosen)
        taker = next(takers, None)
        if taker is not None:
            chosen.append((taker, candidate))
    return chosen


def matches(pattern: str, text: str) -> bool:
    """Does `pattern`, where `*` stands for any characters, match all of `text`? Case counts.

    In time linear in the text for each part between stars, since patterns come from strangers.
    """
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    tail = rest.pop()
    if len(text) < len(head) + len(tail) or not (text.startswith(head) and text.endswith(tail)):
        return False
    position, end = len(head), len(text) - len(tail)
    for part in rest:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _names_type(pattern: str, candidate: Candidate) -> bool:
    """Does the pattern itself say which type is meant? Then opting out does not count.

    `arn:aws:ec2:*` names a service, `arn:aws:ec2:*:*:volume/*` a type, an ARN without star one resource.
    """
    if "*" not in pattern:
        return True
    if candidate.resource_type in TYPES_OF_SHARED_ARNS:
        return False
    parts = pattern.split(":", 5)
    if len(parts) < 6:
        return False
    if candidate.resource_type == "S3":
        return True  # a bucket's ARN has no word for its type: whatever stands there names buckets
    kind = parts[5].split("*", 1)[0]
    return "/" in kind or ":" in kind


def _is_restore_test(candidate: Candidate) -> bool:
    return candidate.name.startswith(RESTORE_TEST_PREFIX) or any(
        key.startswith(RESTORE_TEST_PREFIX) for key in candidate.tags
    )
