"""The proof that a recovery kit restores when root key, catalog and configuration are gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.service import SAFEHOLD, SOURCE, Service, serving
from tools.treecmp import differences, snapshot

FORMATS = Path(__file__).parents[1] / "formats"
PASSPHRASE = "five or six words do well"


class Lost:
    """What is left of an installation: a vault's folder, and a page."""

    def __init__(self, home: Path, tree: Path) -> None:
        self.home, self.tree, self.environment = home, tree, os.environ | {"PYTHONPATH": str(SOURCE)}
        (home / "passphrase").write_text(PASSPHRASE + "\n")
        with serving(home / "installation") as service:
            job = service.back_up(service.add_source("documents", tree))
            self.point = job["RecoveryPointArn"].rpartition(":")[2]
            service.stop()
            self.export(service)
        (vault,) = (service.data / "vaults").iterdir()
        self.vault_id = vault.name
        self.vault = home / "vault"
        shutil.copytree(vault, self.vault)
        shutil.rmtree(home / "installation")  # the root key, the catalog, the configuration
        shutil.rmtree(self.vault / "keys")  # and what they would have opened

    def export(self, service: Service) -> None:
        options = ("--passphrase-file", self.home / "passphrase")
        service.cli("keys", "export", "--out", self.home / "kit", *options)
        service.cli("keys", "export", "--out", self.home / "plain kit", "--plain")
        service.cli("keys", "prove", self.home / "kit", *options)

    def safehold(self, *words: object) -> subprocess.CompletedProcess[str]:
        line = [*SAFEHOLD, *map(str, words)]
        return subprocess.run(line, capture_output=True, text=True, env=self.environment, check=False)


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    home = tmp_path_factory.mktemp("lost")
    tree = home / "tree"
    (tree / "letters").mkdir(parents=True)
    for number in range(20):
        (tree / "letters" / f"{number}.txt").write_text(f"letter {number}\n" * number)
    (tree / "photo.raw").write_bytes(os.urandom(3 << 20))
    (tree / "latest").symlink_to("letters/19.txt")
    return Lost(home, tree)


@pytest.mark.slow
@pytest.mark.parametrize("kit", ["kit", "plain kit"])
def test_the_command_line_restores_with_a_vault_and_a_kit_alone(lost: Lost, kit: str, tmp_path: Path) -> None:
    options = ("--passphrase-file", lost.home / "passphrase") if kit == "kit" else ()
    listed = lost.safehold("keys", "recover", lost.home / kit, lost.vault, *options, "--json")
    assert [(row["id"], row["state"]) for row in json.loads(listed.stdout)] == [(lost.point, "whole")]
    target = tmp_path / "restored"
    done = lost.safehold(
        "keys", "recover", lost.home / kit, lost.vault, *options, "--point", lost.point, "--to", target
    )
    assert (done.returncode, done.stderr) == (0, "")
    # A folder that is named as the target keeps its own mode and time.
    different = differences(snapshot(lost.tree), snapshot(target))
    assert [each for each in different if not each.startswith("(the root): m")] == []


@pytest.mark.slow
def test_one_file_can_be_recovered_alone(lost: Lost, tmp_path: Path) -> None:
    words = ("--point", lost.point, "--to", tmp_path / "out", "--item", "letters/7.txt")
    done = lost.safehold("keys", "recover", lost.home / "plain kit", lost.vault, *words)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").rglob("*.txt")] == ["7.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("kit", ["kit", "plain kit"])
def test_the_readers_that_know_the_documents_alone_restore_with_them_too(
    lost: Lost, kit: str, tmp_path: Path
) -> None:
    python = [sys.executable, "-I"]
    opened = subprocess.run(
        [*python, FORMATS / "read_kit.py", lost.home / kit, lost.vault_id],
        input=PASSPHRASE + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "key").write_text(opened.stdout)
    words = [lost.vault, tmp_path / "key", lost.point, tmp_path / "out"]
    subprocess.run([*python, FORMATS / "read_vault.py", *words], check=True)
    for path in lost.tree.rglob("*.*"):
        assert (tmp_path / "out" / path.relative_to(lost.tree)).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_a_new_installation_opens_the_vault_after_the_kit_was_imported(lost: Lost, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    shutil.copytree(lost.vault, storage / lost.vault_id)
    new = Service(tmp_path / "new", "--storage-url", f"file://{storage}")
    imported = new.cli("keys", "import", lost.home / "plain kit")
    assert [(row["vault_id"], row["state"]) for row in imported["vaults"]] == [
        (lost.vault_id, "opens by keys/0")
    ]
    words = [storage / lost.vault_id, new.data / "root.key"]
    listed = subprocess.run(
        [sys.executable, "-I", FORMATS / "read_vault.py", *words], capture_output=True, text=True, check=True
    )
    assert listed.stdout.startswith(lost.point)


@pytest.mark.slow
def test_a_slip_of_the_pen_is_found_by_line(lost: Lost, tmp_path: Path) -> None:
    page = (lost.home / "plain kit").read_text().splitlines()
    (at,) = (number for number, line in enumerate(page) if line.startswith("004  "))
    page[at] = page[at][:5] + ("0" if page[at][5] != "0" else "1") + page[at][6:]
    (tmp_path / "typed").write_text("\n".join(page))
    refused = lost.safehold("keys", "recover", tmp_path / "typed", lost.vault)
    assert refused.returncode == 2
    assert "mistyped: line 004" in refused.stderr
