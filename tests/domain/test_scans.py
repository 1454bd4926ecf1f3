"""Which scans a plan's rule wants of a resource."""

from __future__ import annotations

import pytest

from safehold.domain.backup_requests import PlannedScan
from safehold.domain.plans import PlanDocument, Rule, ScanAction, ScanSetting
from safehold.domain.scans import planned

ROLE = "arn:aws:iam::123456789012:role/scanner"
FULL = ScanAction("GUARDDUTY", "FULL_SCAN")


@pytest.mark.parametrize(
    ("actions", "settings", "wanted"),
    [
        pytest.param(
            (FULL,), (ScanSetting("GUARDDUTY", ("EFS",), ROLE),), [("FULL_SCAN", ROLE)], id="of its type"
        ),
        pytest.param(
            (FULL,), (ScanSetting("GUARDDUTY", ("ALL",)),), [("FULL_SCAN", None)], id="of all types"
        ),
        pytest.param((FULL,), (ScanSetting("GUARDDUTY", ("S3",), ROLE),), [], id="of another type"),
        pytest.param((FULL,), (), [], id="no settings"),
        pytest.param((), (ScanSetting("GUARDDUTY", ("EFS",), ROLE),), [], id="no action"),
        pytest.param(
            (ScanAction("GUARDDUTY"),),
            (ScanSetting("GUARDDUTY", ("EFS",)),),
            [("FULL_SCAN", None)],
            id="no mode",
        ),
    ],
)
def test_planned_scans(
    actions: tuple[ScanAction, ...], settings: tuple[ScanSetting, ...], wanted: list[tuple[str, str | None]]
) -> None:
    rule = Rule("daily", "Default", scan_actions=actions)
    document = PlanDocument("plan", (rule,), scan_settings=settings)
    assert planned(document, rule, "EFS") == tuple(PlannedScan(*each) for each in wanted)
