"""Operations on tags of searches and exports, which the search service has for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.operations.search_exports import get_export
from safehold.api.operations.searches import SERVICE, get_search
from safehold.core.errors import ResourceNotFound
from safehold.domain import arns
from safehold.domain import tags as tag_rules
from safehold.domain.searches import EXPORT_TYPE, JOB_TYPE
from safehold.records import tags


@operation("ListTagsForResource", service=SERVICE)
def list_tags_for_resource(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job's tags. Raises ResourceNotFound. Source: model backupsearch 2018-05-10."""
    return {"Tags": tags.of(call.tx, _tagged(call, req["ResourceArn"]))}


@operation("TagResource", service=SERVICE)
def tag_resource(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job has these tags too; a key that it had gets the new value."""
    arn = _tagged(call, req["ResourceArn"])
    tag_rules.added(tags.of(call.tx, arn), req["Tags"])
    tags.put(call.tx, arn, req["Tags"])
    return {}


@operation("UntagResource", service=SERVICE)
def untag_resource(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job has none of these tags; a key that it never had is no error."""
    tags.delete(call.tx, _tagged(call, req["ResourceArn"]), req["TagKeys"])
    return {}


def _tagged(call: Call, arn: str) -> str:
    """The ARN of a search or export that is there. Raises ResourceNotFound."""
    parsed = arns.parse(arn)
    kind, _, job_id = parsed.resource.partition("/")
    find = {JOB_TYPE: get_search, EXPORT_TYPE: get_export}.get(kind)
    is_here = (parsed.service, parsed.region, parsed.account_id) == (
        "backup-search",
        call.site,
        call.account_id,
    )
    if find is None or not is_here:
        raise ResourceNotFound(f"Cannot find {arn}", context=arn)
    return find(call, job_id).resource_arn
