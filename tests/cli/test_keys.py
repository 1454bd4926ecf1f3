"""`safehold keys` on vaults that hold something: rewrapping, new seal keys, a new root key, kits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from safehold.cli.installation import opened
from safehold.cli.root_rotation import rotate
from safehold.cli.working import vault_access
from safehold.core.config import DataFolder
from safehold.core.errors import RootKeyError
from safehold.core.secrets import create_root_key, read_root_key
from safehold.domain.vaults import Vault
from safehold.records import nodes, settings, vaults
from safehold.records.tables import vault as vault_rows
from safehold.store.custody.key_proof import export_is_proved
from safehold.store.vault_store import VaultStore
from tests.cli.conftest import Answer, Run
from tests.store.vaults import back_up, restore

PASSPHRASE = "five or six words do well"
TREE = {b"file": b"what must not be lost"}


@contextmanager
def store_of(data: Path) -> Iterator[tuple[VaultStore, Vault]]:
    """The vault Default, opened for writing."""
    with opened(data) as installation:
        with installation.catalog.read() as tx:
            (vault,) = vaults.every(tx)
        yield vault_access(installation).for_writing(vault), vault


@pytest.fixture
def used(data: Path) -> Path:
    """A data folder whose vault holds a recovery point."""
    with store_of(data) as (store, _):
        back_up(store, "point", TREE)
    return data


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFEHOLD_KIT_PASSPHRASE", PASSPHRASE)


def restores(data: Path) -> bool:
    with store_of(data) as (store, _):
        return restore(store, "point") == TREE


def key_objects(data: Path) -> list[str]:
    return sorted(path.name for path in data.glob("vaults/*/keys/*"))


def the_row(answer: Answer) -> dict[str, object]:
    assert answer.code == 0, answer.err
    (row,) = answer.json["vaults"]
    assert isinstance(row, dict)
    return row


def test_a_vault_without_a_backup_has_no_keys_yet(data: Path, run: Run) -> None:
    assert the_row(run("keys", "list", "--json"))["state"] == "has no keys yet"
    assert run("keys", "rewrap", "--json").json["vaults"] == []
    refused = run("keys", "export")
    assert (refused.code, "no vault with keys yet" in refused.err) == (1, True)


def test_the_list_tells_provider_epoch_and_proof(used: Path, run: Run) -> None:
    told = run("keys", "list")
    assert "root key file, fingerprint " in told.out
    row = the_row(run("keys", "list", "--json"))
    assert (row["key_object"], row["epoch"], row["is_export_proved"]) == ("keys/0", 0, False)


def test_wrapping_moves_to_another_provider_which_the_configuration_names_then(
    used: Path, tmp_path: Path, run: Run
) -> None:
    create_root_key(tmp_path / "other.key")
    row = the_row(run("keys", "rewrap", "--to", f"file:{tmp_path}/other.key", "--json"))
    assert row["key_object"] == "keys/1"
    assert DataFolder(used).settings().keys_url == f"file:{tmp_path}/other.key"
    (used / "vaults").joinpath(next(iter(os.listdir(used / "vaults"))), "keys/0").unlink()
    assert restores(used)


def test_a_provider_that_cannot_be_used_changes_nothing(used: Path, tmp_path: Path, run: Run) -> None:
    for url in (f"file:{tmp_path}/nowhere", "transit:http://127.0.0.1:1/transit/key", "aws-kms:"):
        assert run("keys", "rewrap", "--to", url).code != 0
    assert (DataFolder(used).settings().keys_url, key_objects(used)) == ("", ["0"])


def test_a_vault_that_lost_its_keys_is_never_told_as_rewrapped(used: Path, run: Run) -> None:
    with opened(used) as installation, installation.catalog.begin() as tx:
        tx.execute(update(vault_rows).values(point_count=1))
    next(used.glob("vaults/*/keys/0")).unlink()
    refused = run("keys", "rewrap")
    assert refused.code == 1
    assert "its keys/ are gone" in refused.err
    assert "keys import KIT" in refused.err


def test_wrapping_anew_keeps_the_provider(used: Path, run: Run) -> None:
    assert the_row(run("keys", "rewrap", "--json"))["key_object"] == "keys/1"
    assert DataFolder(used).settings().keys_url == ""
    assert restores(used)


def test_a_new_seal_key_is_told_with_its_epoch(used: Path, run: Run) -> None:
    row = the_row(run("keys", "reepoch", "--json"))
    assert (row["epoch"], row["key_object"]) == (1, "keys/1")
    assert restores(used)
    assert run("keys", "reepoch", "--vault", "nowhere").code == 1


def test_the_three_ways_to_change_keys_are_told_apart(run: Run) -> None:
    told = " ".join(run("keys", "--help").out.split())
    assert "`rewrap` puts the keys under another wrapping key" in told
    assert "`reepoch` gives new backups a new seal key" in told
    assert "only a copy into a new vault, encrypted anew, cures that. There is no command for it yet" in told


def test_a_kit_is_for_its_owner_alone_and_never_overwrites_another(
    used: Path, tmp_path: Path, run: Run
) -> None:
    assert run("keys", "export", "--plain", "--out", tmp_path / "kit").code == 0
    assert (tmp_path / "kit").stat().st_mode & 0o777 == 0o600
    assert run("keys", "export", "--plain", "--out", tmp_path / "kit").code == 2


def test_a_kit_without_a_passphrase_must_be_asked_for(
    used: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAFEHOLD_KIT_PASSPHRASE")
    assert run("keys", "export").code == 2
    plain = run("keys", "export", "--plain")
    assert plain.code == 0
    assert "IN THE CLEAR on this page" in plain.out
    monkeypatch.setenv("SAFEHOLD_KIT_PASSPHRASE", "short")
    assert "at least 12 characters" in run("keys", "export").err


@pytest.mark.slow
def test_a_kit_with_a_passphrase_opens_with_it_and_not_with_another(
    used: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("keys", "export", "--out", tmp_path / "kit").code == 0
    assert run("keys", "prove", tmp_path / "kit").code == 0
    monkeypatch.setenv("SAFEHOLD_KIT_PASSPHRASE", "five or six words do better")
    refused = run("keys", "prove", tmp_path / "kit")
    assert (refused.code, "the passphrase does not open this kit" in refused.err) == (2, True)


def test_no_root_key_stands_in_any_kit(used: Path, run: Run) -> None:
    root_key = (used / "root.key").read_text().strip()
    plain = "".join(run("keys", "export", "--plain").out.split())
    assert root_key[:16] not in plain


def test_a_kit_names_its_vault_and_a_vault_that_there_is_not_is_refused(used: Path, run: Run) -> None:
    with store_of(used) as (_, vault):
        assert vault.id in run("keys", "export", "--plain", "--vault", "Default").out
    assert run("keys", "export", "--plain", "--vault", "nowhere").code == 1


def test_an_export_that_was_proved_is_on_record_until_there_is_a_new_seal_key(
    used: Path, tmp_path: Path, run: Run
) -> None:
    run("keys", "export", "--plain", "--out", tmp_path / "kit")
    assert not the_row(run("keys", "list", "--json"))["is_export_proved"]
    proved = the_row(run("keys", "prove", tmp_path / "kit", "--json"))
    assert proved["state"] == "proved: its keys, and 1 points opened"
    assert the_row(run("keys", "list", "--json"))["is_export_proved"]
    with store_of(used) as (store, vault), opened(used) as installation, installation.catalog.read() as tx:
        assert export_is_proved(store)
        assert settings.key_export_is_proved(tx, vault)
    run("keys", "reepoch")
    assert not the_row(run("keys", "list", "--json"))["is_export_proved"]
    stale = run("keys", "prove", tmp_path / "kit", "--json")
    assert stale.code == 1
    assert "lacks epoch 1" in stale.json["vaults"][0]["state"]
    with store_of(used) as (store, _):
        assert not export_is_proved(store)


def test_a_kit_of_a_vault_that_nobody_knows_here_proves_nothing(
    used: Path, tmp_path: Path, run: Run, template: Path
) -> None:
    run("keys", "export", "--plain", "--out", tmp_path / "kit")
    with opened(used) as installation, installation.catalog.begin() as tx:
        (vault,) = vaults.every(tx)
        vaults.delete_empty(tx, vault.id)
    refused = run("keys", "prove", tmp_path / "kit")
    assert refused.code == 1
    assert "this installation does not know it" in refused.out


def test_a_vault_whose_keys_are_gone_gets_them_back_from_a_kit(used: Path, tmp_path: Path, run: Run) -> None:
    run("keys", "export", "--plain", "--out", tmp_path / "kit")
    next(used.glob("vaults/*/keys/0")).unlink()
    assert the_row(run("keys", "import", tmp_path / "kit", "--json"))["state"] == "opens by keys/0"
    assert restores(used)
    assert the_row(run("keys", "import", tmp_path / "kit", "--json"))["state"] == "it opened already"


def test_a_kit_is_tried_on_the_place_that_is_named(used: Path, tmp_path: Path, run: Run) -> None:
    run("keys", "export", "--plain", "--out", tmp_path / "kit")
    (vault,) = (used / "vaults").iterdir()
    for place in (vault, used / "vaults", f"file://{used}/vaults"):
        listed = run("keys", "recover", tmp_path / "kit", place, "--json")
        assert [row["id"] for row in listed.json] == ["point"], listed.err
    refused = run("keys", "recover", tmp_path / "kit", tmp_path)
    assert refused.code == 1
    assert vault.name in refused.err
    assert run("keys", "recover", tmp_path / "kit", vault, "--point", "point").code == 2


# -- a new root key

STEPS = ["made", "vaults opened", "catalog opened", "kept"]


def new_keys_of(data: Path) -> list[str]:
    return sorted(path.name for path in data.glob("root.key*"))


def test_a_new_root_key_opens_vaults_and_catalog_and_the_old_one_is_kept(used: Path, run: Run) -> None:
    before = read_root_key(used / "root.key")
    answer = run("keys", "rotate-root", "--json").json
    after = read_root_key(used / "root.key")
    assert after.fingerprint == answer["fingerprint"] != before.fingerprint
    assert read_root_key(Path(answer["kept"])).fingerprint == before.fingerprint
    assert new_keys_of(used) == ["root.key", f"root.key.{before.fingerprint}"]
    for path in used.glob("root.key*"):
        assert path.stat().st_mode & 0o777 == 0o600
    next(used.glob("vaults/*/keys/0")).unlink()
    assert restores(used)


@pytest.mark.parametrize("step", STEPS)
def test_a_change_of_the_root_key_that_is_cut_off_is_ended_by_the_same_command(
    used: Path, run: Run, step: str
) -> None:
    class Cut(BaseException):
        """As when the power fails."""

    def cut(told: str) -> None:
        if step in told:
            raise Cut

    with pytest.raises(Cut):
        rotate(used, told=cut)
    begun = read_root_key(used / "root.key.next").fingerprint
    if STEPS.index(step) < 2:
        assert restores(used)  # all goes on under the old key
    else:
        with pytest.raises(RootKeyError) as refused, opened(used):
            pass
        assert "rotate-root" in refused.value.hint
    assert run("keys", "rotate-root", "--json").json["fingerprint"] == begun
    assert restores(used)
    assert len(new_keys_of(used)) == 2


def test_the_root_key_stays_while_something_of_the_installation_runs(used: Path, run: Run) -> None:
    with DataFolder(used).locked():
        assert run("keys", "rotate-root").code == 2
    with opened(used) as installation, installation.catalog.begin() as tx:
        now = installation.clock.now()
        nodes.insert_node(tx, nodes.Node("n", "worker", "elsewhere", 7, now, now - timedelta(seconds=1)))
    refused = run("keys", "rotate-root")
    assert refused.code == 2
    assert "worker on elsewhere (pid 7)" in refused.err
    assert new_keys_of(used) == ["root.key"]


def test_with_another_provider_a_new_root_key_leaves_the_vaults_alone(
    used: Path, tmp_path: Path, run: Run
) -> None:
    create_root_key(tmp_path / "other.key")
    run("keys", "rewrap", "--to", f"file:{tmp_path}/other.key")
    assert run("keys", "rotate-root", "--json").json["vaults"] == []
    assert key_objects(used) == ["0", "1"]
    assert restores(used)


def test_a_root_key_that_is_also_named_by_its_path_is_known_as_such(used: Path, run: Run) -> None:
    run("keys", "rewrap", "--to", f"file:{used}/root.key")
    assert len(run("keys", "rotate-root", "--json").json["vaults"]) == 1
    assert restores(used)
