"""What is due at a moment becomes job rows, in one transaction.

Whoever ticks, and how often, does not matter: a due time has one firing row, the database lets one of several
schedulers insert it, and the jobs are made in that one's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from safehold.core.ids import new_upper_id
from safehold.domain import arns, scans
from safehold.domain.backup_requests import BackupRequest, CreatedBy, Target, new_job
from safehold.domain.firings import Firing, Outcome
from safehold.domain.job_messages import missing_vault
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job
from safehold.domain.plans import PlanVersion, Rule, with_schedules_begun
from safehold.domain.runs import catch_up, overlap_begins
from safehold.domain.selection import Candidate, Selection, choose
from safehold.records import firings, jobs, plans, resources, selections, settings, tags, vaults
from safehold.records.tx import Tx


@dataclass(slots=True)
class Seen:
    """What there is to choose from, by account and site, looked up once for a round of ticks.

    A resource or tag that comes while the round lasts is seen by the next run; on a large installation that
    spares a scan of everything for each plan.
    """

    _found: dict[tuple[str, str], tuple[list[Candidate], set[str]]] = field(default_factory=dict)

    def look(self, tx: Tx, plan: PlanVersion) -> tuple[list[Candidate], set[str]]:
        """Resources of the plan's account and site, and the types that are opted out there."""
        where = (plan.account_id, plan.site)
        if where not in self._found:
            self._found[where] = (_candidates(tx, *where), settings.opted_out(tx, *where))
        return self._found[where]


def tick(
    tx: Tx,
    now: datetime,
    *,
    plan_ids: Collection[str] | None = None,
    rule_ids: Collection[str] | None = None,
    seen: Seen | None = None,
    new_id: Callable[[], str] = new_upper_id,
) -> list[Job]:
    """Every rule of these plans (None: of all that are active) has done what is due; answers the jobs made.

    With `rule_ids` only those rules have, though beside all others of their plans.

    Of the due times that passed since a rule last ran, the latest runs if it is still inside its start
    window; the others are written down as missed. Ticking again at the same or an earlier time makes nothing.
    """
    made: list[Job] = []
    seen = seen or Seen()
    for plan in plans.active(tx, plan_ids):
        begun = replace(plan, document=with_schedules_begun(plan.document, now=now))
        if begun != plan:
            plans.correct_version(tx, begun)
        made += _PlanTick(tx, begun, now, seen, new_id).run(rule_ids)
    return made


def _candidates(tx: Tx, account_id: str, site: str) -> list[Candidate]:
    present = resources.present(tx, account_id=account_id, site=site)
    tags_by_arn = tags.of_many(tx, [resource.arn for resource in present])
    return [
        Candidate(resource.arn, resource.resource_type, resource.name, tags_by_arn[resource.arn])
        for resource in present
    ]


@dataclass(frozen=True, slots=True)
class _PlanTick:
    """One plan at one moment."""

    tx: Tx
    plan: PlanVersion
    now: datetime
    seen: Seen
    new_id: Callable[[], str]

    def run(self, rule_ids: Collection[str] | None) -> list[Job]:
        rules = self.plan.document.rules
        latest = firings.latest_by_rule(self.tx, self.plan.id, until=self.now)
        fired = firings.fired_since(self.tx, self.plan.id, overlap_begins(rules, self.now))
        mine: list[tuple[Rule, Firing]] = []
        for rule in rules:
            if rule_ids is not None and rule.id not in rule_ids:
                continue
            found = catch_up(rule, rules, last=latest.get(rule.id), now=self.now, fired=fired)
            for due_at in found.missed:
                self._write_down(rule, due_at, Outcome.MISSED)
            if found.overridden is not None:
                self._write_down(rule, found.overridden, Outcome.OVERRIDDEN)
            if found.to_run is not None:
                firing, is_mine = self._write_down(rule, found.to_run, Outcome.FIRED)
                mine += [(rule, firing)] if is_mine else []
        return self._fire(mine) if mine else []

    def _write_down(self, rule: Rule, due_at: datetime, outcome: Outcome) -> tuple[Firing, bool]:
        """The firing, and whether it is this transaction's to carry out."""
        firing = Firing(self.plan.id, rule.id, due_at, self.now, outcome)
        return firing, firings.insert_if_new(self.tx, firing)

    def _fire(self, mine: Sequence[tuple[Rule, Firing]]) -> list[Job]:
        """Job rows for every resource that the plan's selections take now, once for each rule."""
        chosen = self._chosen()
        made: list[Job] = []
        for rule, firing in mine:
            new = jobs.insert_all_new(self.tx, list(self._jobs(rule, firing, chosen)))
            firings.set_job_count(self.tx, firing, len(new))
            made += new
        plans.mark_executed(self.tx, self.plan.id, now=self.now)
        return made

    def _chosen(self) -> list[tuple[Selection, Candidate]]:
        mine = selections.of_plan(self.tx, self.plan.id)
        if not mine:
            return []
        candidates, opted_out = self.seen.look(self.tx, self.plan)
        return choose(mine, candidates, opted_out=opted_out)

    def _jobs(
        self, rule: Rule, firing: Firing, chosen: Sequence[tuple[Selection, Candidate]]
    ) -> Iterator[Job]:
        """A row for each resource; FAILED from the start when the rule's vault does not exist.

        A plan may name a vault that is gone. Source: AWS Backup Developer Guide, "Backup dashboards".
        """
        plan = self.plan
        where = {"account_id": plan.account_id, "site": plan.site}
        vault_arn = arns.vault_arn(plan.site, plan.account_id, rule.vault_name)
        is_there = vaults.find(self.tx, **where, name=rule.vault_name) is not None
        for selection, candidate in chosen:
            target = Target(
                **where,
                resource_arn=candidate.arn,
                resource_type=candidate.resource_type,
                resource_name=candidate.name,
                vault_name=rule.vault_name,
                vault_arn=vault_arn,
                role_arn=selection.document.role_arn,
            )
            request = _request(plan, rule, candidate.resource_type)
            job = new_job(self.new_id(), target, request, now=self.now, due_at=firing.due_at)
            yield job if is_there else _without_vault(job, self.now)


def _without_vault(job: Job, now: datetime) -> Job:
    message = missing_vault(str(job.vault_arn))
    category = "VaultNotFound"
    return replace(
        job, state=JobState.FAILED, status_message=message, message_category=category, completed_at=now
    )


def _request(plan: PlanVersion, rule: Rule, resource_type: str) -> BackupRequest:
    """What the rule asks for that resource."""
    index_types = {name for types in rule.index_actions or () for name in types}
    return BackupRequest(
        lifecycle=rule.lifecycle,
        recovery_point_tags=rule.recovery_point_tags or {},
        backup_options=plan.document.options_of(resource_type),
        start_window_minutes=rule.start_window_minutes,
        completion_window_minutes=rule.completion_window_minutes,
        created_by=CreatedBy(
            plan_id=plan.id,
            plan_arn=plan.arn,
            plan_name=plan.document.name,
            plan_version=plan.version_id,
            rule_id=rule.id,
            rule_name=rule.name,
            rule_cron=rule.schedule_expression,
            rule_timezone=rule.timezone,
        ),
        is_continuous=bool(rule.is_continuous),
        index=resource_type in index_types,
        copies=rule.copies or (),
        air_gapped_vault_arn=rule.air_gapped_vault_arn,
        scans=scans.planned(plan.document, rule, resource_type),
    )
