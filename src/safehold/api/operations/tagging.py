"""The tagging API: what has which tags, over all services, and tags for several things at once.

Source: Resource Groups Tagging API model 2017-01-26; docs/parity/tagging.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.operations import tags as own_tags
from safehold.api.pages import read_token, write_token
from safehold.core.errors import InvalidParameterValue, RequestError
from safehold.domain import tags as tag_rules
from safehold.domain.tagging import fitting_tags
from safehold.records import resources, tagging, tags
from safehold.records.tagging import TypeFilter

DEFAULT_PAGE = 50
LARGEST_PAGE = 100
TAGS_PER_PAGE = (100, 500)
KEYS_PER_PAGE = 1000
_OF_THE_PAGE = ("PaginationToken",)
_TYPE = re.compile(r"([a-z0-9\-]+)(?::([A-Za-z0-9\-/]+))?", re.ASCII)

Request = Mapping[str, Any]
Answer = dict[str, Any]


@operation("GetResources", service="resourcegroupstaggingapi")
def get_resources(call: Call, req: Request) -> Answer:
    """What has or had tags, by ARN; or the tags of the ARNs that are named.

    Source: model `GetResources`.
    """
    named = req.get("ResourceARNList")
    if named:
        _check_nothing_else(req)
        return {"ResourceTagMappingList": _of_arns(call, named), "PaginationToken": ""}
    size, most_tags = _size(req)
    found = tagging.page(
        call.tx,
        account_id=call.account_id,
        site=call.site,
        tags=_tag_filters(req),
        types=[_type_filter(text) for text in req.get("ResourceTypeFilters", ())],
        after=_after(call, req),
        limit=size + 1,
    )
    mapped = list(tags.of_many(call.tx, found[:size]).items())
    shown = mapped[: fitting_tags([len(has) for _, has in mapped], most=most_tags)]
    token = write_token(call, _bound(req), (shown[-1][0],)) if len(shown) < len(found) else ""
    return {"ResourceTagMappingList": [_mapping(*each) for each in shown], "PaginationToken": token}


@operation("GetTagKeys", service="resourcegroupstaggingapi")
def get_tag_keys(call: Call, req: Request) -> Answer:
    """Keys of all tags here, in their order. Source: model `GetTagKeys`."""

    def fetch(after: str | None) -> list[str]:
        mine = {"account_id": call.account_id, "site": call.site}
        return tagging.keys(call.tx, **mine, after=after, limit=KEYS_PER_PAGE + 1)

    return _page_of_texts(call, req, "TagKeys", fetch)


@operation("GetTagValues", service="resourcegroupstaggingapi")
def get_tag_values(call: Call, req: Request) -> Answer:
    """Values of one tag here, in their order. Source: model `GetTagValues`."""

    def fetch(after: str | None) -> list[str]:
        mine = {"account_id": call.account_id, "site": call.site}
        return tagging.values(call.tx, req["Key"], **mine, after=after, limit=KEYS_PER_PAGE + 1)

    return _page_of_texts(call, req, "TagValues", fetch)


@operation("TagResources", service="resourcegroupstaggingapi")
def tag_resources(call: Call, req: Request) -> Answer:
    """Each thing has these tags too; those that cannot have them are answered with the reason.

    Source: model `TagResources`.
    """
    tag_rules.check(req["Tags"])

    def put(arn: str) -> None:
        if _is_found(call, arn):
            tag_rules.added(tags.of(call.tx, arn), req["Tags"])
            tags.put(call.tx, arn, req["Tags"])
        else:
            own_tags.tag_resource(call, {"ResourceArn": arn, "Tags": req["Tags"]})

    return {"FailedResourcesMap": _each(req["ResourceARNList"], put)}


@operation("UntagResources", service="resourcegroupstaggingapi")
def untag_resources(call: Call, req: Request) -> Answer:
    """Each thing has none of these tags. Source: model `UntagResources`."""

    def take(arn: str) -> None:
        if _is_found(call, arn):
            tags.delete(call.tx, arn, req["TagKeys"])
        else:
            own_tags.untag_resource(call, {"ResourceArn": arn, "TagKeyList": req["TagKeys"]})

    return {"FailedResourcesMap": _each(req["ResourceARNList"], take)}


def _each(wanted: Sequence[str], do: Callable[[str], None]) -> Answer:
    """What went wrong, by ARN. Refusals come before anything is written, so that the others stand."""
    failed: Answer = {}
    for arn in dict.fromkeys(wanted):
        try:
            do(arn)
        except RequestError as error:
            code = "InvalidParameterException"
            failed[arn] = {"StatusCode": error.http_status, "ErrorCode": code, "ErrorMessage": str(error)}
    return failed


def _is_found(call: Call, arn: str) -> bool:
    """Is it a resource that a source found here?"""
    found = resources.find(call.tx, arn)
    return found is not None and (found.account_id, found.site) == (call.account_id, call.site)


def _of_arns(call: Call, named: Sequence[str]) -> list[Answer]:
    """Tags of these things, as far as they are the caller's; of others nothing is said."""
    wanted = list(dict.fromkeys(named))
    mine = tagging.among(call.tx, wanted, account_id=call.account_id, site=call.site)
    found = tags.of_many(call.tx, [arn for arn in wanted if arn in mine])
    return [_mapping(arn, has) for arn, has in found.items()]


def _mapping(arn: str, has: Mapping[str, str]) -> Answer:
    return {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in has.items()]}


def _check_nothing_else(req: Request) -> None:
    others = {"TagFilters", "ResourceTypeFilters", "ResourcesPerPage", "TagsPerPage", "PaginationToken"}
    if any(req.get(name) for name in others):
        raise InvalidParameterValue("ResourceARNList cannot be used together with other parameters")


def _size(req: Request) -> tuple[int, int | None]:
    """Resources on a page at most, and tags (None: as many as those have)."""
    size, most_tags = req.get("ResourcesPerPage"), req.get("TagsPerPage")
    if size is not None and most_tags is not None:
        raise InvalidParameterValue("ResourcesPerPage and TagsPerPage cannot be used together")
    if size is not None and not 1 <= size <= LARGEST_PAGE:
        raise InvalidParameterValue(f"ResourcesPerPage must be between 1 and {LARGEST_PAGE}")
    low, high = TAGS_PER_PAGE
    if most_tags is not None and not low <= most_tags <= high:
        raise InvalidParameterValue(f"TagsPerPage must be between {low} and {high}")
    return (LARGEST_PAGE if most_tags is not None else size or DEFAULT_PAGE), most_tags


def _tag_filters(req: Request) -> dict[str, list[str]]:
    """Values by key; a key that stands twice must have a value of both."""
    found: dict[str, list[str]] = {}
    for entry in req.get("TagFilters", ()):
        key, values = entry.get("Key"), list(entry.get("Values") or ())
        if not key:
            raise InvalidParameterValue("A TagFilter must have a Key")
        if key in found:
            raise InvalidParameterValue(f"TagFilters name the key {key!r} twice")
        found[key] = values
    return found


def _type_filter(text: str) -> TypeFilter:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise InvalidParameterValue(f"Invalid resource type: {text!r} is not of the form service[:type]")
    return TypeFilter(match[1], match[2])


def _page_of_texts(call: Call, req: Request, member: str, fetch: Callable[[str | None], list[str]]) -> Answer:
    found = fetch(_after(call, req))
    is_more = len(found) > KEYS_PER_PAGE
    shown = found[:KEYS_PER_PAGE]
    return {member: shown, "PaginationToken": write_token(call, _bound(req), (shown[-1],)) if is_more else ""}


def _after(call: Call, req: Request) -> str | None:
    token = req.get("PaginationToken")
    return None if not token else str(read_token(call, _bound(req), token)[0])


def _bound(req: Request) -> dict[str, Any]:
    """What a token belongs to: all that was asked but the page itself."""
    return {name: value for name, value in req.items() if name not in _OF_THE_PAGE}
