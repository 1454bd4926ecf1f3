"""Operations on report plans and report jobs. A plan is deployed when its row is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.once import once
from safehold.api.pages import Moment, page_by_name, page_by_time
from safehold.core.errors import AlreadyExists, Conflict, InvalidParameterValue, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain import tags as tag_rules
from safehold.domain.frameworks import DeploymentStatus
from safehold.domain.quotas import check_room
from safehold.domain.report_plans import (
    DeliveryChannel,
    ReportJob,
    ReportJobStatus,
    ReportPlan,
    ReportSetting,
    check_report_plan,
)
from safehold.records import frameworks, reports, tags
from safehold.records.dialect import take_turns
from safehold.records.reports import ReportJobFilter

Request = Mapping[str, Any]
Answer = dict[str, Any]

NOT_WRITTEN = "Report job failed because this release of Safehold does not write reports yet."


@operation("CreateReportPlan")
def create_report_plan(call: Call, req: Request) -> Answer:
    """The plan is there; the same token again answers the first one.

    Source: model 2018-11-15 `CreateReportPlan`; docs/parity/reports.md, "plans".
    """
    return once(call, req, lambda: _create(call, req))


@operation("DescribeReportPlan")
def describe_report_plan(call: Call, req: Request) -> Answer:
    """The whole plan. Source: model 2018-11-15 `DescribeReportPlan`."""
    return {"ReportPlan": _shown(_get(call, req))}


@operation("UpdateReportPlan")
def update_report_plan(call: Call, req: Request) -> Answer:
    """The parts that are given replace those of the plan, each as a whole.

    Source: model 2018-11-15 `UpdateReportPlan`; docs/parity/reports.md, "plans".
    """
    return once(call, req, lambda: _update(call, req))


@operation("DeleteReportPlan")
def delete_report_plan(call: Call, req: Request) -> None:
    """The plan is gone, and its tags; its jobs and their files stay. Source: `DeleteReportPlan`."""
    take_turns(call.tx, turn(call))
    plan = _get_idle(call, req)
    reports.delete_plan(call.tx, plan.id)
    tags.delete_all(call.tx, plan.arn)


@operation("ListReportPlans")
def list_report_plans(call: Call, req: Request) -> Answer:
    """Plans by name. Source: model 2018-11-15 `ListReportPlans`."""

    def fetch(after: str | None, limit: int) -> list[ReportPlan]:
        return reports.page_of_plans(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            after=after,
            limit=limit,
        )

    found, token = page_by_name(call, req, fetch, name=lambda plan: plan.name)
    return {"ReportPlans": [_shown(plan) for plan in found], "NextToken": token}


@operation("StartReportJob")
def start_report_job(call: Call, req: Request) -> Answer:
    """A job stands there, which has FAILED with the reason: nothing writes reports yet.

    Source: model 2018-11-15 `StartReportJob`; docs/parity/reports.md, "jobs".
    """
    return once(call, req, lambda: _start(call, req))


@operation("DescribeReportJob")
def describe_report_job(call: Call, req: Request) -> Answer:
    """One job. Source: model 2018-11-15 `DescribeReportJob`."""
    job = reports.get_job(call.tx, req["ReportJobId"], account_id=call.account_id, site=call.site)
    return {"ReportJob": _shown_job(job)}


@operation("ListReportJobs")
def list_report_jobs(call: Call, req: Request) -> Answer:
    """Jobs that match all filters, newest first. Source: model 2018-11-15 `ListReportJobs`."""
    wanted = _filter(call, req)

    def fetch(after: Moment | None, limit: int) -> list[ReportJob]:
        return reports.page_of_jobs(call.tx, wanted, after=after, limit=limit)

    found, token = page_by_time(call, req, fetch, moment=lambda job: (job.created_at, job.id))
    return {"ReportJobs": [_shown_job(job) for job in found], "NextToken": token}


def turn(call: Call) -> str:
    """Those who change report plans go one after the other."""
    return f"report plans {call.account_id} {call.site}"


def _create(call: Call, req: Request) -> Answer:
    name, plan_id = req["ReportPlanName"], new_id()
    plan = ReportPlan(
        id=plan_id,
        account_id=call.account_id,
        site=call.site,
        name=name,
        arn=call.arn("report-plan", f"{name}-{plan_id}"),
        channel=_read_channel(req["ReportDeliveryChannel"]),
        setting=_read_setting(req["ReportSetting"]),
        deployment_status=DeploymentStatus.COMPLETED,
        created_at=call.now,
        description=req.get("ReportPlanDescription"),
    )
    _check(call, plan)
    new_tags = tag_rules.added({}, req.get("ReportPlanTags") or {})
    take_turns(call.tx, turn(call))
    earlier = reports.find_plan(call.tx, name, account_id=call.account_id, site=call.site)
    if earlier is not None:
        raise AlreadyExists("Report plan with the same name already exists", arn=earlier.arn)
    there_are = reports.count_plans(call.tx, account_id=call.account_id, site=call.site)
    check_room(call.config.quotas.report_plans, there_are, "report plans in a Region")
    reports.insert_plan_if_new(call.tx, plan)
    tags.put(call.tx, plan.arn, new_tags)
    return _made(plan)


def _update(call: Call, req: Request) -> Answer:
    take_turns(call.tx, turn(call))
    plan = _get_idle(call, req)
    channel, setting = req.get("ReportDeliveryChannel"), req.get("ReportSetting")
    changed = replace(
        plan,
        description=req.get("ReportPlanDescription", plan.description),
        channel=plan.channel if channel is None else _read_channel(channel),
        setting=plan.setting if setting is None else _read_setting(setting),
        updated_at=call.now,
    )
    _check(call, changed)
    reports.update_plan(call.tx, changed)
    return _made(changed)


def _start(call: Call, req: Request) -> Answer:
    plan = _get(call, req)
    job = ReportJob(
        id=new_id(),
        account_id=call.account_id,
        site=call.site,
        plan_name=plan.name,
        plan_arn=plan.arn,
        template=plan.setting.template,
        status=ReportJobStatus.FAILED,
        created_at=call.now,
        completed_at=call.now,
        status_message=NOT_WRITTEN,
    )
    reports.insert_job(call.tx, job)
    reports.mark_attempted(call.tx, plan.id, now=call.now)
    return {"ReportJobId": job.id}


def _check(call: Call, plan: ReportPlan) -> None:
    """Raise InvalidParameterValue, LimitExceeded unless the plan can say this."""
    check_report_plan(plan.channel, plan.setting)
    wanted = plan.setting.framework_arns or ()
    quota = call.config.quotas.frameworks_per_report_plan
    check_room(quota, 0, "frameworks in a report plan", more=len(wanted))
    for arn in wanted:
        found = frameworks.find_by_arn(call.tx, arn)
        if found is None or found.account_id != call.account_id:
            raise InvalidParameterValue(f"FrameworkArns: there is no framework {arn[:300]}")


def _get(call: Call, req: Request) -> ReportPlan:
    return reports.get_plan(call.tx, req["ReportPlanName"], account_id=call.account_id, site=call.site)


def _get_idle(call: Call, req: Request) -> ReportPlan:
    """The plan. Raises ResourceNotFound, and Conflict while something else is done to it."""
    plan = _get(call, req)
    if plan.deployment_status.is_busy:
        raise Conflict(
            "AWS Backup can't perform the action that you requested until it finishes performing a previous"
            f" action: report plan {plan.name} is {plan.deployment_status}"
        )
    return plan


def _filter(call: Call, req: Request) -> ReportJobFilter:
    name, status = req.get("ByReportPlanName"), req.get("ByStatus")
    if status is not None and status not in list(ReportJobStatus):
        raise InvalidParameterValue(f"Status must be one of {', '.join(ReportJobStatus)}")
    wanted = ReportJobFilter(
        account_id=call.account_id,
        site=call.site,
        plan_name=name,
        status=status,
        created_since=req.get("ByCreationAfter"),
        created_until=req.get("ByCreationBefore"),
    )
    if name is not None:
        _check_known(call, name)
    return wanted


def _check_known(call: Call, plan_name: str) -> None:
    """Raise ResourceNotFound unless there is such a plan, or there was one that made jobs."""
    if reports.find_plan(call.tx, plan_name, account_id=call.account_id, site=call.site) is not None:
        return
    of_plan = ReportJobFilter(account_id=call.account_id, site=call.site, plan_name=plan_name)
    if not reports.page_of_jobs(call.tx, of_plan, limit=1):
        raise ResourceNotFound(f"Cannot find report plan {plan_name}", context=plan_name)


def _read_channel(wire: Request) -> DeliveryChannel:
    formats = wire.get("Formats")
    return DeliveryChannel(
        bucket=wire["S3BucketName"],
        prefix=wire.get("S3KeyPrefix"),
        formats=("CSV",) if formats is None else tuple(dict.fromkeys(formats)),
    )


def _read_setting(wire: Request) -> ReportSetting:
    lists = ("FrameworkArns", "Accounts", "OrganizationUnits", "Regions")
    arns, accounts, units, regions = (None if wire.get(name) is None else tuple(wire[name]) for name in lists)
    return ReportSetting(
        template=wire["ReportTemplate"],
        framework_arns=arns,
        framework_count=wire.get("NumberOfFrameworks"),
        accounts=accounts,
        organization_units=units,
        regions=regions,
    )


def _made(plan: ReportPlan) -> Answer:
    return {
        "ReportPlanName": plan.name,
        "ReportPlanArn": plan.arn,
        "CreationTime": plan.created_at,
    }


def _shown(plan: ReportPlan) -> Answer:
    channel, setting = plan.channel, plan.setting
    return _made(plan) | {
        "ReportPlanDescription": plan.description,
        "ReportDeliveryChannel": {
            "S3BucketName": channel.bucket,
            "S3KeyPrefix": channel.prefix,
            "Formats": channel.formats,
        },
        "ReportSetting": {
            "ReportTemplate": setting.template,
            "FrameworkArns": setting.framework_arns,
            "NumberOfFrameworks": setting.framework_count,
            "Accounts": setting.accounts,
            "OrganizationUnits": setting.organization_units,
            "Regions": setting.regions,
        },
        "DeploymentStatus": plan.deployment_status,
        "LastAttemptedExecutionTime": plan.attempted_at,
        "LastSuccessfulExecutionTime": plan.succeeded_at,
    }


def _shown_job(job: ReportJob) -> Answer:
    destination = None if job.bucket is None else {"S3BucketName": job.bucket, "S3Keys": job.keys}
    return {
        "ReportJobId": job.id,
        "ReportPlanArn": job.plan_arn,
        "ReportTemplate": job.template,
        "CreationTime": job.created_at,
        "CompletionTime": job.completed_at,
        "Status": job.status,
        "StatusMessage": job.status_message,
        "ReportDestination": destination,
    }
