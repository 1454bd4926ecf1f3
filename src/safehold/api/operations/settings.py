"""Operations on an account's settings in a site, and what can be backed up at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call, operation
from safehold.core.errors import InvalidParameterValue
from safehold.domain.events import of_settings
from safehold.domain.resource_types import AWS_TYPES, MANAGEMENT_CHOICES, SUPPORTED_TYPES
from safehold.records import events, settings
from safehold.records.settings import GLOBAL_SETTINGS


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


@operation("DescribeGlobalSettings")
def describe_global_settings(call: Call, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """The account's settings in all sites. Source: model 2018-11-15 `DescribeGlobalSettings`."""
    values, updated_at = settings.global_settings(call.tx, call.account_id)
    return {"GlobalSettings": values, "LastUpdateTime": updated_at}


@operation("UpdateGlobalSettings")
def update_global_settings(call: Call, req: Mapping[str, Any]) -> None:
    """The settings that the request names have these values; others keep theirs.

    Source: model 2018-11-15 `UpdateGlobalSettings`; docs/parity/settings.md.
    """
    wanted = req.get("GlobalSettings") or {}
    for name, value in wanted.items():
        if name not in GLOBAL_SETTINGS:
            raise InvalidParameterValue(f"Invalid global setting: {name}")
        if value not in ("true", "false"):
            raise InvalidParameterValue(f"Invalid value of global setting {name}: true or false")
    settings.put_global(call.tx, call.account_id, wanted, now=call.now)


@operation("GetSupportedResourceTypes")
def get_supported_resource_types(call: Call, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """The types that there is a connector for. Source: model 2018-11-15 `GetSupportedResourceTypes`."""
    del call
    return {"ResourceTypes": list(SUPPORTED_TYPES)}


def _check_known(preferences: Mapping[str, bool], known: Any) -> None:
    unknown = sorted(set(preferences) - set(known))
    if unknown:
        raise InvalidParameterValue(f"Unsupported resource type: {', '.join(unknown)}")
