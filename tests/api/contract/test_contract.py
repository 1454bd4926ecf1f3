"""Every operation of the published models, through the stock client: what comes back is what they allow.

Nothing here knows which operations are built: one that is not answers `NotImplementedException`, and is held
to the list of those; one that is built is held to its model from its first day.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel

from safehold.api.call import ApiConfig
from safehold.api.not_built import NOT_BUILT
from safehold.api.wire.gateway import Gateway
from safehold.core.clock import SystemClock
from safehold.records.engine import Catalog
from tests.api.conftest import KEYS, find_key
from tests.api.contract.client import StockClient
from tests.api.contract.inputs import Broken, broken, one_more, smallest, whole
from tests.api.contract.judge import Answered, faults
from tests.api.contract.seeds import known_after_seeding, known_to
from tests.api.job_world import World

SERVICES = ("backup", "backupsearch")
KEY = "AKIAROOT"
UNSERVED = {"UnknownOperationException", "InvalidSignatureException"}
SEARCHES_WENT_WELL = frozenset(
    {
        "GetSearchJob",
        "ListSearchJobBackups",
        "ListSearchJobResults",
        "ListSearchJobs",
        "ListSearchResultExportJobs",
        "StartSearchJob",
        "StopSearchJob",
    }
)
# What went well the last time somebody looked; more is welcome, less is a loss.
WENT_WELL = frozenset(
    {
        "AssociateBackupVaultMpaApprovalTeam",
        "CancelLegalHold",
        "CreateBackupPlan",
        "CreateBackupSelection",
        "CreateBackupVault",
        "CreateFramework",
        "CreateLegalHold",
        "CreateLogicallyAirGappedBackupVault",
        "CreateReportPlan",
        "CreateRestoreTestingPlan",
        "CreateRestoreTestingSelection",
        "CreateTieringConfiguration",
        "DeleteBackupSelection",
        "DeleteBackupVault",
        "DeleteBackupVaultAccessPolicy",
        "DeleteBackupVaultLockConfiguration",
        "DeleteBackupVaultNotifications",
        "DeleteFramework",
        "DeleteRecoveryPoint",
        "DeleteReportPlan",
        "DeleteRestoreTestingSelection",
        "DeleteTieringConfiguration",
        "DescribeBackupJob",
        "DescribeBackupVault",
        "DescribeCopyJob",
        "DescribeFramework",
        "DescribeGlobalSettings",
        "DescribeProtectedResource",
        "DescribeRecoveryPoint",
        "DescribeRegionSettings",
        "DescribeReportJob",
        "DescribeReportPlan",
        "DescribeRestoreJob",
        "ExportBackupPlanTemplate",
        "GetBackupPlan",
        "GetBackupPlanFromJSON",
        "GetBackupPlanFromTemplate",
        "GetBackupSelection",
        "GetBackupVaultAccessPolicy",
        "GetBackupVaultNotifications",
        "GetLegalHold",
        "GetRecoveryPointIndexDetails",
        "GetRecoveryPointRestoreMetadata",
        "GetRestoreJobMetadata",
        "GetRestoreTestingInferredMetadata",
        "GetRestoreTestingPlan",
        "GetRestoreTestingSelection",
        "GetSupportedResourceTypes",
        "GetTieringConfiguration",
        "ListBackupJobSummaries",
        "ListBackupJobs",
        "ListBackupPlanTemplates",
        "ListBackupPlanVersions",
        "ListBackupPlans",
        "ListBackupSelections",
        "ListBackupVaults",
        "ListCopyJobSummaries",
        "ListCopyJobs",
        "ListFrameworks",
        "ListIndexedRecoveryPoints",
        "ListLegalHolds",
        "ListProtectedResources",
        "ListProtectedResourcesByBackupVault",
        "ListRecoveryPointsByBackupVault",
        "ListRecoveryPointsByLegalHold",
        "ListRecoveryPointsByResource",
        "ListReportJobs",
        "ListReportPlans",
        "ListRestoreAccessBackupVaults",
        "ListRestoreJobSummaries",
        "ListRestoreJobs",
        "ListRestoreJobsByProtectedResource",
        "ListRestoreTestingPlans",
        "ListRestoreTestingSelections",
        "ListScanJobSummaries",
        "ListScanJobs",
        "ListTags",
        "ListTieringConfigurations",
        "PutBackupVaultAccessPolicy",
        "PutBackupVaultNotifications",
        "StartBackupJob",
        "StartCopyJob",
        "StartReportJob",
        "StartRestoreJob",
        "StartScanJob",
        "StopBackupJob",
        "TagResource",
        "UntagResource",
        "UpdateBackupPlan",
        "UpdateFramework",
        "UpdateGlobalSettings",
        "UpdateRecoveryPointIndexSettings",
        "UpdateRecoveryPointLifecycle",
        "UpdateRegionSettings",
        "UpdateReportPlan",
        "UpdateRestoreTestingPlan",
        "UpdateRestoreTestingSelection",
        "UpdateTieringConfiguration",
    }
)


@dataclass
class Bench:
    """The stock clients, and a catalog with one of everything, of which each operation gets a copy."""

    clients: dict[str, StockClient]
    template: Path
    folder: Path
    known: dict[str, Any] = field(default_factory=dict)

    def on_a_copy(self, name: str) -> Catalog:
        path = shutil.copy(self.template, self.folder / f"{name}.db")
        catalog = Catalog(f"sqlite:///{path}")
        self.use(catalog)
        return catalog

    def use(self, catalog: Catalog) -> None:
        config = ApiConfig(page_key=b"k" * 32)
        for client in self.clients.values():
            client.gateway = Gateway(catalog, config, find_key=find_key, clock=SystemClock())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("contract")
    template = Path(shutil.copy(sqlite_template, folder / "template.db"))
    clients = {name: StockClient(name, KEY, KEYS[KEY].secret) for name in SERVICES}
    made = Bench(clients, template, folder)
    catalog = Catalog(f"sqlite:///{template}")
    World(catalog)
    made.use(catalog)
    made.known = known_after_seeding(clients)
    catalog.close()
    yield made
    for client in clients.values():
        client.close()


def judged(operation: OperationModel, params: dict[str, Any], answered: Answered) -> list[str]:
    return [f"{operation.name}({params!r:.300}): {fault}" for fault in faults(operation, answered)]


@dataclass
class Seen:
    """What came of calling every operation of a service with inputs that its model allows."""

    faults: list[str] = field(default_factory=list)
    not_built: set[str] = field(default_factory=set)
    went_well: set[str] = field(default_factory=set)


def ask_rightly(bench: Bench, service: str, inputs: Callable[..., Iterable[dict[str, Any]]]) -> Seen:
    """Each operation with each of these inputs. What changes something does it to a catalog of its own."""
    client, seen = bench.clients[service], Seen()
    looked_at = bench.on_a_copy(service)
    for operation in client.operations():
        is_look = operation.http["method"] == "GET"
        catalog = looked_at if is_look else bench.on_a_copy(f"{service}-{operation.name}")
        bench.use(catalog)
        known = known_to(operation.name, bench.known)
        for params in inputs(operation, known):
            answered = client.call(operation.name, params)
            seen.faults += judged(operation, params, answered)
            seen.not_built |= {operation.name} if answered.is_not_built else set()
            seen.went_well |= {operation.name} if answered.code is None else set()
        if not is_look:
            catalog.close()
    looked_at.close()
    return seen


def both_ends(operation: OperationModel, known: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield whole(operation, known)
    yield smallest(operation, known)


@pytest.mark.slow
def test_what_is_asked_rightly_is_answered_as_the_model_says(bench: Bench) -> None:
    seen = ask_rightly(bench, "backup", both_ends)
    assert seen.faults == []
    assert seen.not_built == set(NOT_BUILT)
    assert seen.went_well >= WENT_WELL, WENT_WELL - seen.went_well


def test_searches_are_answered_as_their_model_says(bench: Bench) -> None:
    seen = ask_rightly(bench, "backupsearch", both_ends)
    assert seen.faults == []
    assert seen.went_well >= SEARCHES_WENT_WELL, SEARCHES_WENT_WELL - seen.went_well


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_each_member_alone_is_answered_as_the_model_says(bench: Bench, service: str) -> None:
    assert ask_rightly(bench, service, one_more).faults == []


@pytest.mark.parametrize("service", SERVICES)
def test_each_broken_rule_of_the_model_is_refused(bench: Bench, service: str) -> None:
    client, found, count = bench.clients[service], [], 0
    catalog = bench.on_a_copy(f"broken-{service}")
    for operation in client.operations():
        for case in broken(operation, known_to(operation.name, bench.known)):
            answered = client.call(operation.name, case.params)
            count += 1
            found += [f"{case.rule}: {fault}" for fault in judged(operation, case.params, answered)]
            found += _unrefused(operation.name, case, answered)
    catalog.close()
    assert found == []
    assert count > (500 if service == "backup" else 20)


def _unrefused(operation: str, case: Broken, answered: Answered) -> list[str]:
    """The rule was broken and nothing happened, or it was refused by another name than this one.

    What is not built or not served refuses whatever comes; searches have one name for every fault.
    """
    if answered.is_not_built or answered.code in {case.code, "ValidationException"} | UNSERVED:
        return []
    return [f"{operation}, {case.rule}: {answered.code} {answered.body[:200]!r}"]
