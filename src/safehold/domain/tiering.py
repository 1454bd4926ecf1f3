"""Tiering configurations: when objects of S3 points move to a cheaper tier. Pure. Kept and shown.

Source: AWS Backup Developer Guide, "Tiering configurations"; docs/parity/tiering.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns

NAME = re.compile(r"[a-zA-Z0-9_]{1,200}")
ALL_VAULTS = "*"
MAX_SELECTIONS, MAX_RESOURCES = 5, 100
MIN_DAYS, MAX_DAYS = 60, 36_500
TIERED_TYPES = ("S3",)


@dataclass(frozen=True, slots=True)
class TieredResources:
    """resources: ARNs, or `*` alone for all of that type."""

    resources: tuple[str, ...]
    days: int
    resource_type: str


@dataclass(frozen=True, slots=True)
class TieringConfiguration:
    """vault_name: of the vault it is for, or ALL_VAULTS for those without one of their own."""

    account_id: str
    site: str
    name: str
    arn: str
    vault_name: str
    selections: tuple[TieredResources, ...]
    created_at: datetime
    creator_request_id: str | None = None
    updated_at: datetime | None = None


def check_name(name: str) -> None:
    """Raises InvalidParameterValue."""
    if NAME.fullmatch(name) is None:
        raise InvalidParameterValue(f"Invalid tiering configuration name: {name!r}")


def check_selections(selections: Sequence[TieredResources]) -> None:
    """Raises InvalidParameterValue for selections that no configuration can have."""
    if not 1 <= len(selections) <= MAX_SELECTIONS:
        raise InvalidParameterValue(f"ResourceSelection must have 1 to {MAX_SELECTIONS} members")
    for selection in selections:
        _check_selection(selection)


def _check_selection(selection: TieredResources) -> None:
    if selection.resource_type not in TIERED_TYPES:
        raise InvalidParameterValue(f"Unsupported resource type: {selection.resource_type}")
    if not MIN_DAYS <= selection.days <= MAX_DAYS:
        raise InvalidParameterValue(
            f"TieringDownSettingsInDays must be between {MIN_DAYS} and {MAX_DAYS} days"
        )
    if not 1 <= len(selection.resources) <= MAX_RESOURCES:
        raise InvalidParameterValue(f"Resources must have 1 to {MAX_RESOURCES} members")
    for arn in selection.resources:
        is_all = arn == "*" and len(selection.resources) == 1
        if not is_all and arns.resource_type_of(arn) != selection.resource_type:
            raise InvalidParameterValue(f"Invalid resource: {arn} is no {selection.resource_type} resource")
