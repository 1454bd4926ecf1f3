"""Ansible's own modules keep a vault, a plan, a selection and tags on a Safehold that serves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.clients import installed
from tests.fixtures.service import Service

pytestmark = pytest.mark.real

PLAYBOOKS = Path(__file__).with_name("ansible")


class Ansible:
    """Runs our playbooks, with a home of its own."""

    def __init__(self, service: Service, home: Path) -> None:
        program = installed("ansible-playbook")
        self.line = [str(program), "-i", "localhost,", "-c", "local"]
        self.environment = service.client_environment() | {
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(home / "ansible/tmp"),
            "ANSIBLE_REMOTE_TEMP": str(home / "ansible/remote"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_PYTHON_INTERPRETER": str(program.with_name("python")),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": "",
        }

    def __call__(self, playbook: str, **given: str) -> tuple[int, dict[str, Any]]:
        """How many tasks changed something, and what each task answered."""
        line = [*self.line, "-e", json.dumps(given), str(PLAYBOOKS / f"{playbook}.yml")]
        done = subprocess.run(line, capture_output=True, text=True, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout)
        tasks = {each["task"]["name"]: each["hosts"]["localhost"] for each in told["plays"][0]["tasks"]}
        return told["stats"]["localhost"]["changed"], tasks


def test_a_playbook_makes_changes_reads_and_takes_away(service: Service, tree: Path, tmp_path: Path) -> None:
    play = Ansible(service, tmp_path)
    given = {"role": service.role_arn, "resource": service.add_source("ansible", tree)}
    changed, tasks = play("present", **given, kept_days="35")
    assert changed == 4
    vault_arn = tasks["vault"]["vault"]["backup_vault_arn"]
    assert play("present", **given, kept_days="35")[0] == 0
    assert play("present", **given, kept_days="36")[0] == 3  # all but the vault itself

    _, read = play("read", vault_arn=vault_arn)
    assert [each["backup_vault_arn"] for each in read["vault"]["backup_vaults"]] == [vault_arn]
    (plan,) = read["plan"]["backup_plans"]
    assert plan["backup_plan"]["rules"][0]["lifecycle"] == {"delete_after_days": 36}
    (selection,) = read["selection"]["backup_selections"]
    assert selection["resources"] == [given["resource"]]
    assert read["tag"]["tags"] == {"team": "storage", "kept": "36"}
    jobs = read["restore job"]["restore_jobs"]  # of other journeys, too
    assert {each["status"] for each in jobs} <= {"COMPLETED"}

    assert play("absent", vault_arn=vault_arn)[0] == 4
    assert play("absent")[0] == 0
