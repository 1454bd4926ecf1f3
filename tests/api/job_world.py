"""An account with a vault, a role, a resource and a recovery point: what jobs are started on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import insert

from safehold.api.call import ApiConfig, Principal
from safehold.api.local import LocalClient
from safehold.core.clock import FixedClock
from safehold.domain import arns
from safehold.domain.jobs import Job
from safehold.domain.quotas import AWS_QUOTAS, Quotas
from safehold.domain.recovery_points import PointStatus, RecoveryPoint
from safehold.domain.resources import Resource
from safehold.domain.roles import DEFAULT_ROLE_NAME, DEFAULT_ROLE_PATH, Role, trust
from safehold.domain.vaults import Vault
from safehold.records import jobs, recovery_points, resources, roles, sites, tables, vaults
from safehold.records.engine import Catalog

ACCOUNT = "123456789012"
SITE = "eu-north-1"
NOW = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
TREE = f"arn:aws:elasticfilesystem:{SITE}:{ACCOUNT}:file-system/fs-1"
SHARE = f"arn:aws:fsx:{SITE}:{ACCOUNT}:file-system/fs-2"
ROLE = arns.role_arn(ACCOUNT, DEFAULT_ROLE_PATH, DEFAULT_ROLE_NAME)
OTHER_ROLE = arns.role_arn(ACCOUNT, "/", "lambda")
VAULT_ARN = arns.vault_arn(SITE, ACCOUNT, "Main")
POINT = f"arn:aws:backup:{SITE}:{ACCOUNT}:recovery-point:p-1"
PRINCIPAL = Principal(account_id=ACCOUNT, arn=arns.root_arn(ACCOUNT), user_id=ACCOUNT)


class World:
    """The catalog, its clock and clients of it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.clock = FixedClock(NOW)
        _fill(catalog)

    def client(
        self, *, aws_limits: str = "extended", site: str = SITE, quotas: Quotas = AWS_QUOTAS
    ) -> LocalClient:
        config = ApiConfig(page_key=b"k" * 32, aws_limits=aws_limits, quotas=quotas)
        return LocalClient(self.catalog, config, principal=PRINCIPAL, site=site, clock=self.clock)

    def job(self, job_id: str) -> Job:
        with self.catalog.read() as tx:
            found = jobs.find(tx, job_id)
        assert found is not None
        return found

    def set_job(self, job_id: str, **values: object) -> None:
        """As a worker would."""
        with self.catalog.begin() as tx:
            assert jobs.update_in_state(tx, job_id, [self.job(job_id).state], **values)

    def add_job(self, job: Job, **changes: object) -> Job:
        new = replace(job, **changes)  # type: ignore[arg-type]
        with self.catalog.begin() as tx:
            jobs.insert_job(tx, new)
        return new

    def lose(self, arn: str) -> None:
        with self.catalog.begin() as tx:
            resources.mark_lost(tx, source_id="s-1", still_there={TREE, SHARE} - {arn}, now=NOW)


def _fill(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        tx.execute(insert(tables.account).values(id=ACCOUNT, name="a", created_at=NOW))
        sites.insert_site(tx, SITE, storage_url="file:///nowhere", now=NOW)
        vault = Vault("v-1", ACCOUNT, SITE, "Main", VAULT_ARN, "arn:aws:kms:key", NOW)
        vaults.insert_if_new(tx, vault)
        roles.insert_role(tx, _role(ROLE, DEFAULT_ROLE_NAME, "backup.amazonaws.com"))
        roles.insert_role(tx, _role(OTHER_ROLE, "lambda", "lambda.amazonaws.com"))
        for arn, kind in ((TREE, "EFS"), (SHARE, "FSx")):
            resources.upsert(tx, Resource(arn, ACCOUNT, SITE, "s-1", kind, kind.lower(), 5, {}, NOW))
        recovery_points.insert_if_new(tx, a_point())


def _role(arn: str, name: str, service: str) -> Role:
    return Role(arn, ACCOUNT, name, DEFAULT_ROLE_PATH, name, trust(service), NOW)


def a_point(**changes: object) -> RecoveryPoint:
    point = RecoveryPoint(
        id="p-1",
        arn=POINT,
        vault_id="v-1",
        account_id=ACCOUNT,
        site=SITE,
        job_id="j-0",
        resource_arn=TREE,
        resource_type="EFS",
        status=PointStatus.COMPLETED,
        created_at=NOW,
        size_bytes=77,
    )
    return replace(point, **changes)  # type: ignore[arg-type]
