"""A plan's two spellings: the wire's, and ours. Defaults are shown; what else a client left out is not.

Source: model 2018-11-15 `BackupPlanInput`, `BackupPlan`; docs/parity/plans.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safehold.api import lifecycles
from safehold.domain.backup_requests import CopyRequest
from safehold.domain.plans import AdvancedSetting, PlanDocument, Rule, ScanAction, ScanSetting
from safehold.domain.schedule import DEFAULT_EXPRESSION, DEFAULT_TIMEZONE
from safehold.domain.windows import DEFAULT_COMPLETION_WINDOW_MINUTES, DEFAULT_START_WINDOW_MINUTES

Wire = Mapping[str, Any]


def read(wire: Wire) -> PlanDocument:
    """The document that a `BackupPlanInput` says; rules have no ids yet."""
    return PlanDocument(
        name=wire["BackupPlanName"],
        rules=tuple(_read_rule(rule) for rule in wire["Rules"]),
        advanced_settings=_each(wire.get("AdvancedBackupSettings"), _read_setting),
        scan_settings=_each(wire.get("ScanSettings"), _read_scan_setting),
    )


def shown(document: PlanDocument) -> dict[str, Any]:
    """The document as a `BackupPlan`."""
    return _given(
        BackupPlanName=document.name,
        Rules=[_shown_rule(rule) for rule in document.rules],
        AdvancedBackupSettings=shown_settings(document),
        ScanSettings=shown_scan_settings(document),
    )


def shown_settings(document: PlanDocument) -> list[dict[str, Any]] | None:
    if document.advanced_settings is None:
        return None
    return [
        {"ResourceType": setting.resource_type, "BackupOptions": setting.options}
        for setting in document.advanced_settings
    ]


def shown_scan_settings(document: PlanDocument) -> list[dict[str, Any]] | None:
    if document.scan_settings is None:
        return None
    return [
        _given(
            MalwareScanner=setting.malware_scanner,
            ResourceTypes=list(setting.resource_types),
            ScannerRoleArn=setting.scanner_role_arn,
        )
        for setting in document.scan_settings
    ]


def _read_rule(wire: Wire) -> Rule:
    tags = wire.get("RecoveryPointTags")
    return Rule(
        name=wire["RuleName"],
        vault_name=wire["TargetBackupVaultName"],
        schedule_expression=wire.get("ScheduleExpression") or DEFAULT_EXPRESSION,
        timezone=wire.get("ScheduleExpressionTimezone") or DEFAULT_TIMEZONE,
        start_window_minutes=_or(wire.get("StartWindowMinutes"), DEFAULT_START_WINDOW_MINUTES),
        completion_window_minutes=_or(wire.get("CompletionWindowMinutes"), DEFAULT_COMPLETION_WINDOW_MINUTES),
        lifecycle=lifecycles.read(wire.get("Lifecycle")),
        recovery_point_tags=None if tags is None else dict(tags),
        copies=_each(wire.get("CopyActions"), _read_copy),
        is_continuous=wire.get("EnableContinuousBackup"),
        air_gapped_vault_arn=wire.get("TargetLogicallyAirGappedBackupVaultArn"),
        index_actions=_each(
            wire.get("IndexActions"), lambda action: tuple(action.get("ResourceTypes") or ())
        ),
        scan_actions=_each(
            wire.get("ScanActions"),
            lambda action: ScanAction(action.get("MalwareScanner"), action.get("ScanMode")),
        ),
    )


def _shown_rule(rule: Rule) -> dict[str, Any]:
    return _given(
        RuleName=rule.name,
        TargetBackupVaultName=rule.vault_name,
        TargetLogicallyAirGappedBackupVaultArn=rule.air_gapped_vault_arn,
        ScheduleExpression=rule.schedule_expression,
        ScheduleExpressionTimezone=rule.timezone,
        StartWindowMinutes=rule.start_window_minutes,
        CompletionWindowMinutes=rule.completion_window_minutes,
        Lifecycle=lifecycles.shown(rule.lifecycle),
        RecoveryPointTags=rule.recovery_point_tags,
        RuleId=rule.id or None,
        CopyActions=_each(rule.copies, _shown_copy),
        EnableContinuousBackup=rule.is_continuous,
        IndexActions=_each(rule.index_actions, lambda types: {"ResourceTypes": list(types)}),
        ScanActions=_each(
            rule.scan_actions,
            lambda action: _given(MalwareScanner=action.malware_scanner, ScanMode=action.scan_mode),
        ),
    )


def _read_copy(wire: Wire) -> CopyRequest:
    return CopyRequest(wire["DestinationBackupVaultArn"], lifecycles.read(wire.get("Lifecycle")))


def _shown_copy(copy: CopyRequest) -> dict[str, Any]:
    return _given(
        DestinationBackupVaultArn=copy.destination_vault_arn, Lifecycle=lifecycles.shown(copy.lifecycle)
    )


def _read_setting(wire: Wire) -> AdvancedSetting:
    return AdvancedSetting(wire.get("ResourceType") or "", dict(wire.get("BackupOptions") or {}))


def _read_scan_setting(wire: Wire) -> ScanSetting:
    types = tuple(wire.get("ResourceTypes") or ())
    return ScanSetting(wire.get("MalwareScanner"), types, wire.get("ScannerRoleArn"))


def _each(items: Sequence[Any] | None, change: Any) -> Any:
    """What `change` makes of each, as a tuple; None for what was not given."""
    return None if items is None else tuple(change(item) for item in items)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _given(**members: Any) -> dict[str, Any]:
    """Only members that have a value: answers carry no nulls."""
    return {name: value for name, value in members.items() if value is not None}
