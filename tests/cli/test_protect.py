"""`protect` sets a folder's daily backup up in one go, and again changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safehold.cli.installation import opened
from tests.cli.conftest import Run


def plans(data: Path) -> list[dict[str, Any]]:
    """Every plan's document, with its selections."""
    with opened(data) as installation:
        client = installation.client
        found = []
        for plan in client.call("ListBackupPlans")["BackupPlansList"]:
            plan_id = plan["BackupPlanId"]
            listed = client.call("ListBackupSelections", BackupPlanId=plan_id)["BackupSelectionsList"]
            selections = [
                client.call("GetBackupSelection", BackupPlanId=plan_id, SelectionId=one["SelectionId"])
                for one in listed
            ]
            document = client.call("GetBackupPlan", BackupPlanId=plan_id)["BackupPlan"]
            found.append({**document, "selections": [one["BackupSelection"] for one in selections]})
        return found


def test_a_folder_is_backed_up_daily(data: Path, tree: Path, run: Run) -> None:
    answer = run("protect", tree, "--at", "03:30", "--keep-days", 7, "--vault", "Mine", "--json")
    assert answer.code == 0, answer.err
    (plan,) = plans(data)
    (rule,) = plan["Rules"]
    assert rule["ScheduleExpression"] == "cron(30 3 * * ? *)"
    assert (rule["TargetBackupVaultName"], rule["Lifecycle"]["DeleteAfterDays"]) == ("Mine", 7)
    (selection,) = plan["selections"]
    assert list(selection["Resources"]) == [answer.json["resource_arn"]]
    assert answer.json["job_id"] is None


def test_the_same_again_changes_nothing(data: Path, tree: Path, run: Run) -> None:
    first = run("protect", tree, "--json").json
    before = plans(data)
    again = run("protect", tree, "--json")
    assert again.code == 0, again.err
    assert plans(data) == before
    assert again.json["plan_id"] == first["plan_id"]
    assert all(step.endswith("(was there)") for step in again.json["steps"].values())


def test_folders_of_one_name_share_a_plan(data: Path, tmp_path: Path, run: Run) -> None:
    for parent in ("x", "y"):
        folder = tmp_path / parent / "my docs"
        folder.mkdir(parents=True)
        assert run("protect", folder).code == 0
    names = [source["name"] for source in run("source", "list", "--json").json["sources"]]
    assert names == ["my-docs", "my-docs-2"]
    (plan,) = plans(data)
    assert len(plan["selections"]) == 2


def test_a_first_backup_starts_at_once_when_asked_for(data: Path, tree: Path, run: Run) -> None:
    job_id = run("protect", tree, "--now", "--json").json["job_id"]
    (job,) = run("jobs", "--json").json["jobs"]
    assert (job["job_id"], job["kind"], job["state"]) == (job_id, "backup", "CREATED")
    assert run("jobs", "--state", "COMPLETED", "--json").json["jobs"] == []
    assert run("jobs", "--kind", "restore").out == "There are no jobs.\n"
    assert job_id in run("jobs").out


def test_a_first_backup_is_kept_as_long_as_those_of_the_plan(data: Path, tree: Path, run: Run) -> None:
    job_id = run("protect", tree, "--now", "--keep-days", 9, "--json").json["job_id"]
    with opened(data) as installation:
        job = installation.client.call("DescribeBackupJob", BackupJobId=job_id)
    assert job["RecoveryPointLifecycle"]["DeleteAfterDays"] == 9


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["/nonexistent"], 1, "/nonexistent"),
        (["TREE", "--at", "25:00"], 2, "not a time of day"),
        (["TREE", "--vault", "no good"], 1, "BackupVaultName"),
        (["TREE", "--keep-days", "0"], 2, "keep-days"),
    ],
)
def test_what_cannot_be_protected_is_told(
    data: Path, tree: Path, run: Run, words: list[str], code: int, message: str
) -> None:
    answer = run("protect", *[str(tree) if word == "TREE" else word for word in words])
    assert answer.code == code
    assert message in answer.err
    assert plans(data) == []
    assert run("source", "list", "--json").json["sources"] == []


def test_a_name_with_blanks_is_no_obstacle(data: Path, tree: Path, run: Run) -> None:
    answer = run("protect", tree, "--name", "my documents", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["source"] == "my documents"
    (plan,) = plans(data)
    (selection,) = plan["selections"]
    assert selection["SelectionName"].startswith("my-documents-")
    assert list(selection["Resources"]) == [answer.json["resource_arn"]]


def test_names_that_look_alike_in_a_selection_are_kept_apart(data: Path, tmp_path: Path, run: Run) -> None:
    names = ["my documents", "my+documents", "my-documents", "d" * 60 + "1", "d" * 60 + "2"]
    for number, name in enumerate(names):
        (tmp_path / f"folder{number}").mkdir()
        answer = run("protect", tmp_path / f"folder{number}", "--name", name)
        assert answer.code == 0, answer.err
    (plan,) = plans(data)
    assert len({selection["SelectionName"] for selection in plan["selections"]}) == len(names)


def test_what_was_half_done_is_ended_by_the_same_again(data: Path, tree: Path, run: Run) -> None:
    run("protect", tree, "--name", "my documents")
    with opened(data) as installation:
        client = installation.client
        (plan,) = client.call("ListBackupPlans")["BackupPlansList"]
        plan_id = plan["BackupPlanId"]
        for one in client.call("ListBackupSelections", BackupPlanId=plan_id)["BackupSelectionsList"]:
            client.call("DeleteBackupSelection", BackupPlanId=plan_id, SelectionId=one["SelectionId"])
    again = run("protect", tree, "--name", "my documents", "--json")
    assert again.code == 0, again.err
    (healed,) = plans(data)
    assert [list(selection["Resources"]) for selection in healed["selections"]] == [
        [again.json["resource_arn"]]
    ]


def test_long_vault_names_do_not_make_two_plans_one(data: Path, tree: Path, run: Run) -> None:
    vaults = ["v" * 49 + end for end in "ab"]
    for words in ([vaults[0]], [vaults[1]], [vaults[1], "--at", "03:00"], [vaults[1], "--keep-days", 7]):
        answer = run("protect", tree, "--vault", *words)
        assert answer.code == 0, answer.err
    found = plans(data)
    assert len({plan["BackupPlanName"] for plan in found}) == 4
    assert {plan["Rules"][0]["TargetBackupVaultName"] for plan in found} == set(vaults)
