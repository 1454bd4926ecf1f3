"""Operations on backup plans. A plan is a document with versions; the scheduler makes jobs of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import plan_documents
from safehold.api.call import Call, operation
from safehold.api.pages import page
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import AlreadyExists, InvalidRequest
from safehold.core.ids import new_id, new_version_id
from safehold.domain.events import of_plan
from safehold.domain.limits import AwsLimits
from safehold.domain.org_plans import check_own
from safehold.domain.plan_checks import check_plan
from safehold.domain.plans import PlanDocument, PlanVersion, with_rule_ids
from safehold.domain.quotas import check_room
from safehold.domain.runs import Run, preview
from safehold.domain.tags import added
from safehold.records import events, plans, selections, tags
from safehold.records.dialect import take_turns

Request = Mapping[str, Any]
Answer = dict[str, Any]


@operation("CreateBackupPlan")
def create_backup_plan(call: Call, req: Request) -> Answer:
    """A plan with one version, and nothing that it backs up yet.

    The same CreatorRequestId again answers the plan that the first request made; another request with the
    document of an active plan raises AlreadyExists.

    Source: model 2018-11-15 `CreateBackupPlan`; docs/parity/plans.md, "Create".
    """
    request_id = creator_request_id(req)
    # RACE: two equal requests at once. The second sees what the first has made.
    take_turns(call.tx, f"plans:{call.account_id}:{call.site}")
    where = {"account_id": call.account_id, "site": call.site}
    earlier = plans.find_by_request(call.tx, request_id, **where) if request_id is not None else None
    if earlier is not None:
        return _made(earlier)
    document = plan_documents.read(req["BackupPlan"])
    check_plan(document, _limits(call), now=call.now)
    plan_tags = added({}, req.get("BackupPlanTags") or {})
    same = plans.find_same(call.tx, document, **where)
    if same is not None:
        raise AlreadyExists(
            "Backup plan with the same plan document already exists",
            arn=same.arn,
            creator_request_id=same.creator_request_id,
        )
    quotas = call.config.quotas
    check_room(quotas.plans, plans.count_active(call.tx, **where), "backup plans in a Region")
    plan = _new_plan(call, document, request_id)
    plans.insert_plan(call.tx, plan)
    tags.put(call.tx, plan.arn, plan_tags)
    events.add(call.tx, of_plan(plan, "CREATED", at=call.now))
    return _made(plan)


@operation("UpdateBackupPlan")
def update_backup_plan(call: Call, req: Request) -> Answer:
    """The plan has a new version, the whole document of the request; rules keep their ids by name.

    Source: model 2018-11-15 `UpdateBackupPlan`; docs/parity/plans.md, "Update".
    """
    plan_id = req["BackupPlanId"]
    check_own(plan_id, "updated")
    take_turns(call.tx, plan_turn(plan_id))
    before = plans.get_active(call.tx, plan_id, account_id=call.account_id, site=call.site)
    document = plan_documents.read(req["BackupPlan"])
    check_plan(document, _limits(call), now=call.now, previous=before.document)
    there_are = plans.count_versions(call.tx, plan_id)
    check_room(call.config.quotas.plan_versions, there_are, "versions of a backup plan")
    plan = PlanVersion(
        id=before.id,
        account_id=before.account_id,
        site=before.site,
        arn=before.arn,
        version_id=new_version_id(),
        document=_with_ids(call, document, before.document),
        created_at=before.created_at,
        version_created_at=call.now,
        creator_request_id=before.creator_request_id,
    )
    plans.replace_document(call.tx, plan)
    events.add(call.tx, of_plan(plan, "MODIFIED", at=call.now))
    return _made(plan) | _given(ScanSettings=plan_documents.shown_scan_settings(document))


@operation("GetBackupPlan")
def get_backup_plan(call: Call, req: Request) -> Answer:
    """The plan in its current version, or in the one that is named; a deleted plan only in a named one.

    Source: model 2018-11-15 `GetBackupPlan`; docs/parity/plans.md, "Get".
    """
    plan = _wanted(call, req)
    count = req.get("MaxScheduledRunsPreview") or 0
    runs = preview(plan.document.rules, now=call.now, count=count) if count and not plan.deleted_at else []
    return _given(
        BackupPlan=plan_documents.shown(plan.document),
        BackupPlanId=plan.id,
        BackupPlanArn=plan.arn,
        VersionId=plan.version_id,
        CreatorRequestId=plan.creator_request_id,
        CreationDate=plan.created_at,
        DeletionDate=plan.deleted_at,
        LastExecutionDate=plan.last_execution_at,
        AdvancedBackupSettings=plan_documents.shown_settings(plan.document),
        ScheduledRunsPreview=[_shown_run(run) for run in runs] if count else None,
    )


@operation("DeleteBackupPlan")
def delete_backup_plan(call: Call, req: Request) -> Answer:
    """The plan makes no more jobs; its versions stay readable, and recovery points are untouched.

    Raises InvalidRequest while it has selections.
    Source: model 2018-11-15 `DeleteBackupPlan`; docs/parity/plans.md, "Delete".
    """
    plan_id = req["BackupPlanId"]
    check_own(plan_id, "deleted")
    take_turns(call.tx, plan_turn(plan_id))
    plan = plans.get_active(call.tx, plan_id, account_id=call.account_id, site=call.site)
    if selections.count(call.tx, plan_id):
        raise InvalidRequest("Related backup plan selections must be deleted prior to backup plan deletion")
    plans.mark_deleted(call.tx, plan_id, now=call.now)
    tags.delete_all(call.tx, plan.arn)
    events.add(call.tx, of_plan(plan, "DELETED", at=call.now))
    return {
        "BackupPlanId": plan.id,
        "BackupPlanArn": plan.arn,
        "DeletionDate": call.now,
        "VersionId": plan.version_id,
    }


@operation("ListBackupPlans")
def list_backup_plans(call: Call, req: Request) -> Answer:
    """Plans in the order of their creation; deleted ones only when asked for.

    Source: model 2018-11-15 `ListBackupPlans`.
    """

    def fetch(after: Any, limit: int) -> list[PlanVersion]:
        return plans.page(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            include_deleted=bool(req.get("IncludeDeleted")),
            after=after,
            limit=limit,
        )

    found, token = page(call, req, fetch, position=lambda plan: (plan.created_at, plan.id))
    listed = [_listed(plan) | {"CreationDate": plan.created_at} for plan in found]
    return _given(BackupPlansList=listed, NextToken=token)


@operation("ListBackupPlanVersions")
def list_backup_plan_versions(call: Call, req: Request) -> Answer:
    """A plan's versions, newest first, deleted or not.

    Source: model 2018-11-15 `ListBackupPlanVersions`.
    """
    plan_id = req["BackupPlanId"]
    if not plans.exists(call.tx, plan_id, account_id=call.account_id, site=call.site):
        raise plans.missing(plan_id)

    def fetch(after: Any, limit: int) -> list[tuple[int, PlanVersion]]:
        return plans.versions(call.tx, plan_id, after=None if after is None else after[0], limit=limit)

    found, token = page(call, req, fetch, position=lambda entry: (entry[0],))
    listed = [_listed(plan) | {"CreationDate": plan.version_created_at} for _, plan in found]
    return _given(BackupPlanVersionsList=listed, NextToken=token)


def plan_turn(plan_id: str) -> str:
    """What those who change a plan or its selections take turns at."""
    return f"plan:{plan_id}"


def _wanted(call: Call, req: Request) -> PlanVersion:
    where = {"account_id": call.account_id, "site": call.site}
    version_id = req.get("VersionId")
    if version_id is None:
        return plans.get_active(call.tx, req["BackupPlanId"], **where)
    return plans.get_version(call.tx, req["BackupPlanId"], version_id, **where)


def _new_plan(call: Call, document: PlanDocument, request_id: str | None) -> PlanVersion:
    plan_id = new_id()
    return PlanVersion(
        id=plan_id,
        account_id=call.account_id,
        site=call.site,
        arn=call.arn("backup-plan", plan_id),
        version_id=new_version_id(),
        document=_with_ids(call, document, None),
        created_at=call.now,
        version_created_at=call.now,
        creator_request_id=request_id,
    )


def _with_ids(call: Call, document: PlanDocument, previous: PlanDocument | None) -> PlanDocument:
    new_ids = tuple(new_id() for _ in document.rules)
    return with_rule_ids(document, previous, new_ids=new_ids, now=call.now)


def _limits(call: Call) -> AwsLimits:
    return AwsLimits(call.config.aws_limits)


def _made(plan: PlanVersion) -> Answer:
    return _given(
        BackupPlanId=plan.id,
        BackupPlanArn=plan.arn,
        CreationDate=plan.created_at,
        VersionId=plan.version_id,
        AdvancedBackupSettings=plan_documents.shown_settings(plan.document),
    )


def _listed(plan: PlanVersion) -> Answer:
    return _given(
        BackupPlanArn=plan.arn,
        BackupPlanId=plan.id,
        DeletionDate=plan.deleted_at,
        VersionId=plan.version_id,
        BackupPlanName=plan.document.name,
        CreatorRequestId=plan.creator_request_id,
        LastExecutionDate=plan.last_execution_at,
        AdvancedBackupSettings=plan_documents.shown_settings(plan.document),
    )


def _shown_run(run: Run) -> Answer:
    kind = "CONTINUOUS_AND_SNAPSHOTS" if run.rule.is_continuous else "SNAPSHOTS"
    return {"ExecutionTime": run.due_at, "RuleId": run.rule.id, "RuleExecutionType": kind}


def _given(**members: Any) -> Answer:
    return {name: value for name, value in members.items() if value is not None}
