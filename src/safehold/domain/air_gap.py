"""Logically air-gapped vaults, their approval teams, and vaults that give restore access to them. Pure.

Source: AWS Backup Developer Guide, "Logically air-gapped vault"; docs/parity/air-gapped-vaults.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from safehold.core.errors import InvalidParameterValue, InvalidRequest
from safehold.domain import arns
from safehold.domain.vaults import Vault, VaultState, VaultType

SESSION_LIFE = timedelta(hours=24)  # how long a team has to vote, as on AWS
TEAM = re.compile(r"approval-team/[\w+=,.@/-]{1,200}")
MAX_NAME = 50


class SessionStatus(StrEnum):
    """Source: model 2018-11-15 `MpaSessionStatus`."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Team:
    """Who approves for a vault, and the latest request to change that.

    wanted_arn    whom the request is for; None: nobody, or there is no request
    session_arn   of the vote about it; None: there was no request
    """

    team_arn: str
    associated_at: datetime
    comment: str | None = None
    wanted_arn: str | None = None
    session_arn: str | None = None
    requested_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RestoreAccess:
    """A vault that shows the points of another one. approved_at: None until it may."""

    vault_id: str
    source_vault_id: str
    source_arn: str
    created_at: datetime
    comment: str | None = None
    session_arn: str | None = None
    approved_at: datetime | None = None


def check_air_gapped(vault: Vault) -> None:
    """Raises InvalidRequest for a vault of another type."""
    if vault.vault_type is not VaultType.AIR_GAPPED:
        raise InvalidRequest(f"Backup vault {vault.name} is not a logically air-gapped vault")


def check_source(source: Vault, team: Team | None) -> None:
    """Raises InvalidRequest unless restore access to the vault can be asked for."""
    check_air_gapped(source)
    if source.state is not VaultState.AVAILABLE:
        raise InvalidRequest(f"Backup vault {source.arn} is in state {source.state}")
    if team is None:
        raise InvalidRequest(f"Backup vault {source.arn} has no approval team")


def check_team_arn(arn: str) -> None:
    """Raises InvalidParameterValue for what names no approval team."""
    parsed = arns.parse(arn)
    if parsed.service != "mpa" or TEAM.fullmatch(parsed.resource) is None:
        raise InvalidParameterValue(f"Invalid approval team: {arn}")


def check_no_request(team: Team, now: datetime) -> None:
    """Raises InvalidRequest while a request to change the team is being voted on."""
    if request_status(team, now) is SessionStatus.PENDING:
        raise InvalidRequest("A request to change the approval team of this vault is pending")


def request_status(team: Team, now: datetime) -> SessionStatus | None:
    """How the latest request to change the team stands; None: there was none.

    Nobody can vote yet, so that a request ends when its time is over; the team stays.
    """
    if team.session_arn is None or team.expires_at is None:
        return None
    return SessionStatus.PENDING if now < team.expires_at else SessionStatus.FAILED


def access_name(source: Vault, vault_id: str) -> str:
    """What a restore-access vault is called when nobody says."""
    tail = f"-{vault_id[:8]}"
    return source.name[: MAX_NAME - len(tail)] + tail


def check_takes_points(vault: Vault) -> None:
    """Raises InvalidRequest for a vault that only shows the points of another one."""
    if vault.vault_type is VaultType.RESTORE_ACCESS:
        raise InvalidRequest(f"Backup vault {vault.name} is for restores only")
