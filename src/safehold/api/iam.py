"""What IAM's operations have in common: errors, pages, tags, documents, and how things are shown.

Source: IAM model 2010-05-08; docs/parity/iam.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

from safehold.api.call import Call
from safehold.api.pages import among, page_by_name
from safehold.core.errors import InvalidParameterValue, ServiceRefusal
from safehold.domain import tags as tag_rules
from safehold.domain.identities import User
from safehold.domain.roles import Role
from safehold.records import identities, roles, tags

Request: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]
T = TypeVar("T")

PAGE = 100  # what IAM answers when no MaxItems is given


def missing(what: str, name: str) -> ServiceRefusal:
    """IAM's words for a user, role or policy that is not there."""
    return ServiceRefusal("NoSuchEntity", f"The {what} with name {name} cannot be found.", http_status=404)


def taken(what: str, name: str) -> ServiceRefusal:
    return ServiceRefusal("EntityAlreadyExists", f"{what} with name {name} already exists.", http_status=409)


def in_use(message: str) -> ServiceRefusal:
    return ServiceRefusal("DeleteConflict", message, http_status=409)


def user(call: Call, name: str) -> User:
    """The caller's account's user of that name. Raises NoSuchEntity."""
    found = identities.find_user(call.tx, account_id=call.account_id, name=name)
    if found is None:
        raise missing("user", name)
    return found


def role(call: Call, name: str) -> Role:
    """The caller's account's role of that name. Raises NoSuchEntity."""
    found = roles.find_by_name(call.tx, account_id=call.account_id, name=name)
    if found is None:
        raise missing("role", name)
    return found


def page_of(
    call: Call,
    req: Request,
    member: str,
    fetch: Callable[[str | None, int], Sequence[T]],
    *,
    key: Callable[[T], str],
    show: Callable[[T], Any],
) -> Answer:
    """One page of a list that is in the order of `key`, under IAM's names for pages."""
    filters = {name: value for name, value in req.items() if name not in ("Marker", "MaxItems")}
    asked = filters | {"MaxResults": req.get("MaxItems", PAGE), "NextToken": req.get("Marker")}
    found, token = page_by_name(call, asked, fetch, name=key)
    answer: Answer = {member: [show(item) for item in found], "IsTruncated": token is not None}
    return answer if token is None else answer | {"Marker": token}


def page_of_names(call: Call, req: Request, member: str, names: Sequence[str]) -> Answer:
    """The same, of a few names that are at hand."""
    return page_of(call, req, member, among(names, name=str), key=str, show=str)


def read_tags(wire: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags of a request. Raises InvalidParameterValue."""
    found = {tag["Key"]: tag["Value"] for tag in wire or ()}
    if len(found) != len(wire or ()):
        raise InvalidParameterValue(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    return tag_rules.added({}, found)


def refuse_while_allowed(call: Call, arn: str) -> None:
    """Raise DeleteConflict while a policy says what the role or user may do."""
    if identities.attached(call.tx, arn):
        raise in_use("Cannot delete entity, must detach all policies first.")
    if identities.inline_names(call.tx, arn):
        raise in_use("Cannot delete entity, must delete policies first.")


def add_tags(call: Call, arn: str, wire: Sequence[Mapping[str, str]]) -> None:
    new = read_tags(wire)
    tag_rules.added(tags.of(call.tx, arn), new)
    tags.put(call.tx, arn, new)


def page_of_tags(call: Call, req: Request, arn: str) -> Answer:
    every = tags.of(call.tx, arn)
    fetch = among(every, name=str)
    return page_of(call, req, "Tags", fetch, key=str, show=lambda key: {"Key": key, "Value": every[key]})


def shown_tags(call: Call, arn: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.of(call.tx, arn).items()]


def shown_document(text: str) -> str:
    """IAM sends documents percent-encoded inside its XML. Source: IAM model, "URL-encoded compliant"."""
    return quote(text, safe="")


def path_of(req: Request) -> str:
    """Raises InvalidParameterValue for what is no path."""
    path = str(req.get("Path", "/"))
    if not (path.startswith("/") and path.endswith("/")):
        raise InvalidParameterValue("The specified value for path is invalid. It must begin and end with /")
    return path
