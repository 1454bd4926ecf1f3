"""What `protect` does, step by step; each step looks first whether it has been done."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from safehold.cli.declaring import add_source
from safehold.cli.installation import Installation
from safehold.cli.listing import paged
from safehold.core.clock import local_zone_name
from safehold.core.errors import AlreadyExists, ResourceNotFound
from safehold.domain.sources import Source
from safehold.records import resources, sources

NAME_CHARS = 50  # of selections and plans; Source: model 2018-11-15 `BackupSelectionName`
FOREIGN = re.compile(r"[^A-Za-z0-9._-]+")  # what neither may hold


@dataclass(frozen=True, slots=True)
class Protection:
    """What is wanted: path is absolute, `at` is HH:MM of local time, name None: the folder's."""

    path: Path
    name: str | None
    vault: str
    at: str
    keep_days: int
    exclude: tuple[str, ...]
    starts_now: bool


def protect(installation: Installation, wanted: Protection) -> dict[str, Any]:
    """The folder is backed up daily from now on. Raises SourceError, ConfigError, RequestError."""
    schedule = _schedule(wanted.at)
    is_new_vault = _make_vault(installation, wanted.vault)
    source, is_new_source = _source(installation, wanted)
    arn = _resource_arn(installation, source)
    plan_id, is_new_plan = _plan(installation, wanted, schedule)
    is_new_selection = _select(installation, plan_id, source.name, arn)
    steps = {
        "source": _told(source.name, is_new_source),
        "vault": _told(wanted.vault, is_new_vault),
        "plan": _told(f"{_plan_name(wanted)}, daily at {wanted.at} {local_zone_name()}", is_new_plan),
        "selection": _told(arn, is_new_selection),
    }
    job_id = _start(installation, wanted, arn) if wanted.starts_now else None
    return {
        "source": source.name,
        "resource_arn": arn,
        "vault": wanted.vault,
        "plan_id": plan_id,
        "job_id": job_id,
        "steps": steps,
    }


def _source(installation: Installation, wanted: Protection) -> tuple[Source, bool]:
    path = str(wanted.path)
    with installation.catalog.read() as tx:
        known = sources.page(tx, account_id=installation.account_id, site=installation.site, limit=1000)
    same = [source for source in known if source.kind == "files" and source.settings.get("path") == path]
    if same:
        return same[0], False
    name = wanted.name or _free_name(wanted.path, {source.name for source in known})
    settings: dict[str, object] = {"path": path}
    if wanted.exclude:
        settings["exclude"] = list(wanted.exclude)
    source, _ = add_source(
        installation, kind="files", name=name, resource_type="EFS", settings=settings, tags={}
    )
    return source, True


def _free_name(path: Path, taken: set[str]) -> str:
    """The folder's name, with a number behind it when another source has it."""
    name = FOREIGN.sub("-", path.name).strip("-.")[: NAME_CHARS - 4] or "files"
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, 10_000))
    return next(each for each in names if each not in taken)


def _resource_arn(installation: Installation, source: Source) -> str:
    with installation.catalog.read() as tx:
        found = resources.of_source(tx, source.id)
    if not found:
        raise ResourceNotFound(f"Source {source.name} holds nothing: {source.discovery_error or 'ask it'}")
    return found[0].arn


def _make_vault(installation: Installation, name: str) -> bool:
    try:
        installation.client.call("CreateBackupVault", BackupVaultName=name)
    except AlreadyExists:
        return False
    return True


def _plan_name(wanted: Protection) -> str:
    return _fitting(f"daily-{wanted.vault}-{wanted.at.replace(':', '')}-{wanted.keep_days}d")


def _fitting(name: str) -> str:
    """The name, if plans and selections may have it; else what is like it and no other name's."""
    plain = FOREIGN.sub("-", name)
    if plain == name and len(name) <= NAME_CHARS:
        return name
    return _marked(plain, name)


def _marked(plain: str, whole: str) -> str:
    mark = hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{plain[: NAME_CHARS - 9]}-{mark}"


def _plan(installation: Installation, wanted: Protection, schedule: str) -> tuple[str, bool]:
    """One plan for all folders that are to be backed up alike."""
    name = _plan_name(wanted)
    for plan in paged(installation.client, "ListBackupPlans", "BackupPlansList"):
        if plan["BackupPlanName"] == name:
            return plan["BackupPlanId"], False
    rule = {
        "RuleName": "daily",
        "TargetBackupVaultName": wanted.vault,
        "ScheduleExpression": schedule,
        "ScheduleExpressionTimezone": local_zone_name(),
        "Lifecycle": {"DeleteAfterDays": wanted.keep_days},
    }
    made = installation.client.call("CreateBackupPlan", BackupPlan={"BackupPlanName": name, "Rules": [rule]})
    return made["BackupPlanId"], True


def _select(installation: Installation, plan_id: str, name: str, arn: str) -> bool:
    client, taken = installation.client, set()
    for known in paged(client, "ListBackupSelections", "BackupSelectionsList", BackupPlanId=plan_id):
        selection: Mapping[str, Any] = client.call(
            "GetBackupSelection", BackupPlanId=plan_id, SelectionId=known["SelectionId"]
        )["BackupSelection"]
        if arn in selection.get("Resources", ()):
            return False
        taken.add(known["SelectionName"])
    fitting = _fitting(name)
    client.call(
        "CreateBackupSelection",
        BackupPlanId=plan_id,
        BackupSelection={
            "SelectionName": _marked(fitting, arn) if fitting in taken else fitting,  # of a source now gone
            "IamRoleArn": installation.role_arn,
            "Resources": [arn],
        },
    )
    return True


def _start(installation: Installation, wanted: Protection, arn: str) -> str:
    """A backup on demand, kept as long as those of the plan are."""
    started = installation.client.call(
        "StartBackupJob",
        BackupVaultName=wanted.vault,
        ResourceArn=arn,
        IamRoleArn=installation.role_arn,
        Lifecycle={"DeleteAfterDays": wanted.keep_days},
    )
    return str(started["BackupJobId"])


def _schedule(at: str) -> str:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", at)
    if found is None:
        raise click.BadParameter(f"{at!r} is not a time of day, as in 02:00", param_hint="--at")
    return f"cron({int(found[2])} {int(found[1])} * * ? *)"


def _told(what: str, is_new: bool) -> str:
    return what if is_new else f"{what} (was there)"
