"""Operations on an account's settings in a site, and what can be backed up at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call, operation
from safehold.core.errors import InvalidParameterValue
from safehold.domain.events import of_settings
from safehold.domain.resource_types import AWS_TYPES, MANAGEMENT_CHOICES, SUPPORTED_TYPES
from safehold.records import events, settings


@operation("DescribeRegionSettings")
def describe_region_settings(call: Call, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both maps, every type in them. Source: model 2018-11-15 `DescribeRegionSettings`."""
    return {
        "ResourceTypeOptInPreference": settings.opt_ins(call.tx, call.account_id, call.site),
        "ResourceTypeManagementPreference": settings.management(call.tx, call.account_id, call.site),
    }


@operation("UpdateRegionSettings")
def update_region_settings(call: Call, req: Mapping[str, Any]) -> None:
    """The types that the request names have these preferences; others keep theirs.

    Source: model 2018-11-15 `UpdateRegionSettings`; docs/parity/settings.md.
    """
    opt_ins = req.get("ResourceTypeOptInPreference") or {}
    management = req.get("ResourceTypeManagementPreference") or {}
    _check_known(opt_ins, AWS_TYPES)
    _check_known(management, MANAGEMENT_CHOICES)
    settings.put_opt_ins(call.tx, call.account_id, call.site, opt_ins, now=call.now)
    settings.put_management(call.tx, call.account_id, call.site, management, now=call.now)
    now = settings.opt_ins(call.tx, call.account_id, call.site)
    events.add(call.tx, of_settings(call.account_id, call.site, now, at=call.now))


@operation("GetSupportedResourceTypes")
def get_supported_resource_types(call: Call, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """The types that there is a connector for. Source: model 2018-11-15 `GetSupportedResourceTypes`."""
    del call
    return {"ResourceTypes": list(SUPPORTED_TYPES)}


def _check_known(preferences: Mapping[str, bool], known: Any) -> None:
    unknown = sorted(set(preferences) - set(known))
    if unknown:
        raise InvalidParameterValue(f"Unsupported resource type: {', '.join(unknown)}")
