"""AWS's SDK for JavaScript, version 3, does the main job on a Safehold that serves."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.clients import installed
from tests.fixtures.service import Service
from tools.treecmp import differences, snapshot

pytestmark = pytest.mark.real

JOURNEY = Path(__file__).with_name("javascript") / "journey.mjs"


def test_the_javascript_client_backs_a_tree_up_and_restores_it(
    service: Service, tree: Path, tmp_path: Path
) -> None:
    arn = service.add_source("javascript", tree)
    (tmp_path / "node_modules").symlink_to(installed("node_modules"))  # sought beside the script
    script = shutil.copy(JOURNEY, tmp_path)
    line = [str(installed("node")), str(script), arn, service.role_arn]
    done = subprocess.run(line, capture_output=True, text=True, env=service.client_environment())
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert {"Default", "javascript"} <= set(told["vaults"])
    assert told["points"] == 2
    assert differences(snapshot(tree), snapshot(service.writable / "javascript")) == []
