"""Operations on plans as templates: to and from a JSON text, and the sample plans. None writes anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safehold.api import plan_documents
from safehold.api.call import Call, operation
from safehold.api.model.load import service
from safehold.api.pages import page
from safehold.api.wire.validate import validate
from safehold.core.errors import InvalidParameterValue, ResourceNotFound
from safehold.domain.limits import AwsLimits
from safehold.domain.plan_checks import check_plan
from safehold.domain.sample_plans import SAMPLES, SamplePlan
from safehold.records import plans

Request = Mapping[str, Any]
Answer = dict[str, Any]

_ONLY_IN_ANSWERS = "RuleId"


@operation("ExportBackupPlanTemplate")
def export_backup_plan_template(call: Call, req: Request) -> Answer:
    """The plan's current document as JSON text, without the ids of its rules.

    Source: model 2018-11-15 `ExportBackupPlanTemplate`; docs/parity/plans.md, "Templates".
    """
    plan = plans.get_active(call.tx, req["BackupPlanId"], account_id=call.account_id, site=call.site)
    wire = plan_documents.shown(plan.document)
    wire["Rules"] = [
        {name: value for name, value in rule.items() if name != _ONLY_IN_ANSWERS} for rule in wire["Rules"]
    ]
    return {"BackupPlanTemplateJson": json.dumps(wire)}


@operation("GetBackupPlanFromJSON")
def get_backup_plan_from_json(call: Call, req: Request) -> Answer:
    """What such a text says, checked as CreateBackupPlan would check it, with defaults filled in.

    Source: model 2018-11-15 `GetBackupPlanFromJSON`; docs/parity/plans.md, "Templates".
    """
    try:
        wire = json.loads(req["BackupPlanTemplateJson"])
    except (ValueError, RecursionError) as error:
        raise InvalidParameterValue(f"BackupPlanTemplateJson is not JSON: {error}") from error
    if not isinstance(wire, dict):
        raise InvalidParameterValue("BackupPlanTemplateJson is not a JSON object")
    validate(service("backup").operations["CreateBackupPlan"], {"BackupPlan": wire})
    document = plan_documents.read(wire)
    check_plan(document, AwsLimits(call.config.aws_limits), now=call.now)
    return {"BackupPlan": plan_documents.shown(document)}


@operation("ListBackupPlanTemplates")
def list_backup_plan_templates(call: Call, req: Request) -> Answer:
    """The sample plans. Source: model 2018-11-15 `ListBackupPlanTemplates`."""

    def fetch(after: Any, limit: int) -> list[SamplePlan]:
        return [sample for sample in SAMPLES if after is None or sample.id > after[0]][:limit]

    found, token = page(call, req, fetch, position=lambda sample: (sample.id,))
    listed = [
        {"BackupPlanTemplateId": sample.id, "BackupPlanTemplateName": sample.document.name}
        for sample in found
    ]
    return {"BackupPlanTemplatesList": listed} | ({} if token is None else {"NextToken": token})


@operation("GetBackupPlanFromTemplate")
def get_backup_plan_from_template(call: Call, req: Request) -> Answer:
    """One of the sample plans. Source: model 2018-11-15 `GetBackupPlanFromTemplate`."""
    del call
    template_id = req["BackupPlanTemplateId"]
    sample = next((sample for sample in SAMPLES if sample.id == template_id), None)
    if sample is None:
        raise ResourceNotFound(f"Cannot find backup plan template {template_id}")
    return {"BackupPlanDocument": plan_documents.shown(sample.document)}
