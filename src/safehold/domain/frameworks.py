"""A framework: controls that an account's backups are held to. Who evaluates them reads the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeploymentStatus(StrEnum):
    """Of a framework or a report plan. Source: AWS Backup Developer Guide, "Viewing frameworks"."""

    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"

    @property
    def is_busy(self) -> bool:
        return self.endswith("IN_PROGRESS")


@dataclass(frozen=True, slots=True)
class ControlScope:
    """What a control judges; all that is None, everything it knows. At most one tag."""

    resource_ids: tuple[str, ...] | None = None
    resource_types: tuple[str, ...] | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """parameters: as they were given, in that order; `control_rules.parameters_of` has the defaults too."""

    name: str
    parameters: tuple[tuple[str, str], ...] | None = None
    scope: ControlScope | None = None


@dataclass(frozen=True, slots=True)
class Framework:
    """One row of the framework table."""

    id: str
    account_id: str
    site: str
    name: str
    arn: str
    controls: tuple[Control, ...]
    deployment_status: DeploymentStatus
    created_at: datetime
    description: str | None = None
    idempotency_token: str | None = None
    updated_at: datetime | None = None
