"""Policies of an organization: what a document may be, and what several of them come to. Pure.

A document is a tree. Its leaves hold operators instead of values: `@@assign` puts a value in place of what
was inherited, `@@append` adds to a list, `@@remove` takes from one. Any node may also say which of these the
policies below it in the organization may use there and beneath (`@@operators_allowed_for_child_policies`);
nobody further down can widen that.

Source: AWS Organizations guide, "Inheritance for management policy types", "Inheritance operators";
docs/parity/organizations.md for what that guide leaves open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from safehold.core.errors import ServiceRefusal

Value: TypeAlias = str | list[str]
Document: TypeAlias = Mapping[str, Any]

ASSIGN, APPEND, REMOVE = "@@assign", "@@append", "@@remove"
ALLOWED = "@@operators_allowed_for_child_policies"
EVERY = frozenset({ASSIGN, APPEND, REMOVE})
MAX_CHARS = 10_000  # of a backup policy, blanks left out; Source: guide, "Quotas for AWS Organizations"
DEEPEST = 20
SECTIONS = frozenset({"plans"})


def read_policy(text: str) -> Document:
    """A backup policy's document. Raises ServiceRefusal (MalformedPolicyDocumentException,
    ConstraintViolationException)."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed("the content is not JSON") from error
    if not isinstance(document, dict):
        raise _malformed("the content is not a JSON object")
    if len(json.dumps(document, separators=(",", ":"))) > MAX_CHARS:
        raise ServiceRefusal("ConstraintViolationException", f"A policy has at most {MAX_CHARS} characters")
    if unknown := {key for key in document if not key.startswith("@@")} - SECTIONS:
        raise _malformed(f"a backup policy has no section {min(unknown)!r}")
    _check(document, "", depth=0)
    return document


def merged(levels: Sequence[Sequence[Document]]) -> dict[str, Any]:
    """What the policies come to: the root's first, then of each unit on the way, the account's last.

    Policies of one level are applied in their order; what one of them allows to those below is no matter to
    the others of its level.
    """
    root = _Node()
    for documents in levels:
        for document in documents:
            _apply(root, document)
        for document in documents:
            _restrict(root, document, None)
    found = _value_of(root)
    return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class _Node:
    """A place in the tree as it has come to be. allowed: what policies further down may do here."""

    allowed: frozenset[str] = EVERY
    value: Value | None = None
    children: dict[str, _Node] = field(default_factory=dict)

    def child(self, name: str) -> _Node:
        """What is new begins with what is allowed where it is added."""
        return self.children.setdefault(name, _Node(self.allowed))


def _apply(node: _Node, document: Document) -> None:
    for operator in (ASSIGN, APPEND, REMOVE):
        if operator in document and operator in node.allowed:
            node.value = _operated(operator, node.value, document[operator])
    for name, inner in document.items():
        if not name.startswith("@@"):
            _apply(node.child(name), inner)


def _operated(operator: str, before: Value | None, given: Value) -> Value:
    if operator == ASSIGN:
        return list(given) if isinstance(given, list) else given
    inherited = [before] if isinstance(before, str) else before or []
    items = [given] if isinstance(given, str) else given
    if operator == APPEND:
        return [*inherited, *(item for item in items if item not in inherited)]
    return [item for item in inherited if item not in items]


def _restrict(node: _Node, document: Document, stated: frozenset[str] | None) -> None:
    """Those below may do here what they could and what this policy, or the nearest above in it, allows."""
    if ALLOWED in document:
        stated = _operators(document[ALLOWED])
    if stated is not None:
        node.allowed &= stated
    for name, child in node.children.items():
        _restrict(child, document.get(name, {}), stated)


def _operators(given: Iterable[str]) -> frozenset[str]:
    names = set(given)
    if "@@all" in names:
        return EVERY
    return frozenset(names) & EVERY


def _value_of(node: _Node) -> Any:
    """The node without operators; None for one in which there is nothing."""
    if node.value is not None:
        return node.value
    found = {name: _value_of(child) for name, child in node.children.items()}
    kept = {name: value for name, value in found.items() if value is not None}
    return kept or None


def _check(node: object, where: str, *, depth: int) -> None:
    if depth > DEEPEST:
        raise _malformed("the content is nested too deeply")
    if not isinstance(node, dict):
        raise _malformed(f"{where} must hold an operator, as in {{'@@assign': ...}}")
    operators = {name for name in node if name.startswith("@@")}
    if unknown := operators - EVERY - {ALLOWED}:
        raise _malformed(f"{where} has no operator {min(unknown)}")
    names = node.keys() - operators
    if names and operators & EVERY:
        raise _malformed(f"{where} holds operators and further names")
    if operators >= {ASSIGN, APPEND} or operators >= {ASSIGN, REMOVE}:
        raise _malformed(f"{where} has @@assign beside another operator")
    for operator in operators:
        _check_operand(node[operator], operator, where)
    for name in names:
        _check(node[name], f"{where}.{name}" if where else name, depth=depth + 1)


def _check_operand(given: object, operator: str, where: str) -> None:
    is_list = isinstance(given, list) and all(isinstance(item, str) for item in given)
    if operator == ALLOWED:
        known = EVERY | {"@@all", "@@none"}
        if not (is_list and isinstance(given, list) and set(given) <= known):
            raise _malformed(f"{where}: {ALLOWED} takes a list of {', '.join(sorted(known))}")
    elif not (is_list or isinstance(given, str)):
        raise _malformed(f"{where}: {operator} takes a text or a list of texts")


def _malformed(message: str) -> ServiceRefusal:
    return ServiceRefusal(
        "MalformedPolicyDocumentException", f"The provided policy document is not valid: {message}."
    )
