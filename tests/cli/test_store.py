"""`safehold store`: scrub, heal, rebuild."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from safehold.cli.installation import opened
from safehold.records import recovery_points, scrubs, vaults
from safehold.records.scrubs import ScrubState
from safehold.store.backends.local import LocalBackend
from safehold.store.writers.intent_folder import IntentFolder, Revocation
from tests.cli.conftest import Run
from tests.cli.vaults import put_point, store_of
from tests.store.vaults import Tree, flat, folder_names, restore

TREE: Tree = {b"large": bytes(range(256)) * 10_000, b"folder": {b"%d" % n: b"%d" % n * 99 for n in range(20)}}


def harm(data: Path, vault: str = "Default") -> None:
    backend = store_of(data, vault).backend
    assert isinstance(backend, LocalBackend)
    for name in [*folder_names(backend, "packs/"), *folder_names(backend, "points/")][:1]:
        path = backend.root / name
        content = bytearray(path.read_bytes())
        content[60] ^= 1
        path.write_bytes(content)


def test_a_sound_vault_is_scrubbed_and_the_status_says_how_it_stands(data: Path, run: Run) -> None:
    assert run("status", "--json").json["scrubs"] == []
    put_point(data, "p", TREE)
    (before,) = run("status", "--json").json["scrubs"]
    assert (before["oldest_at"], before["is_overdue"]) == (None, False)
    (report,) = run("store", "scrub", "--json").json["vaults"]
    assert (report["is_well"], report["unread_count"], report["oldest_days"]) == (True, 0, 0)
    (after,) = run("status", "--json").json["scrubs"]
    assert (after["oldest_days"], after["condemned_count"], after["is_overdue"]) == (0, 0, False)
    assert "longest unread 0 days" in run("status").out


def test_damage_ends_with_1_and_stands_in_the_status(data: Path, run: Run) -> None:
    put_point(data, "p", TREE)
    harm(data)
    answer = run("store", "scrub", "Default")
    assert answer.code == 1
    assert "now condemned" in answer.out
    assert any("damaged" in trouble for trouble in run("status", "--json").json["troubles"])


def test_a_vault_unread_for_more_than_thirty_days_stands_in_the_status(data: Path, run: Run) -> None:
    put_point(data, "p", TREE)
    with opened(data) as installation:
        now = installation.clock.now()
        with installation.catalog.begin() as tx:
            (vault,) = vaults.every(tx)
            scrubs.put(tx, vault, ScrubState(now, now, now - timedelta(days=40)), now=now)
    status = run("status", "--json").json
    assert status["scrubs"][0]["is_overdue"]
    assert "attention   vault Default: parts of it were not read back for 40 days" in run("status").out


@pytest.mark.parametrize(
    ("text", "code"), [("0", 0), ("10GiB", 0), ("5m", 0), ("1.5G", 2), ("lots", 2), ("-1", 2)]
)
def test_a_budget_is_a_size(data: Path, run: Run, text: str, code: int) -> None:
    put_point(data, "p", TREE)
    assert run("store", "scrub", "--budget", text).code == code


def test_a_vault_is_healed_from_another(data: Path, run: Run, tree: Path) -> None:
    run("protect", tree, "--vault", "Copy")
    put_point(data, "p", TREE)
    put_point(data, "c", TREE, vault="Copy")
    harm(data)
    assert run("store", "scrub", "--all").code == 1
    planned = run("store", "heal", "Default", "--from", "Copy", "--dry-run", "--json").json
    assert planned["healed"] == planned["lacking"] > 0
    assert run("store", "heal", "Default", "--from", "Copy").code == 0
    assert restore(store_of(data), "p") == flat(TREE)
    assert run("store", "heal", "Default", "--from", "Copy", "--json").json["lacking"] == 0


def test_what_cannot_be_healed_is_named_and_ends_with_1(data: Path, run: Run, tree: Path) -> None:
    run("protect", tree, "--vault", "Copy")
    put_point(data, "p", TREE)
    put_point(data, "c", {b"other": b"1"}, vault="Copy")
    harm(data)
    run("store", "scrub")
    answer = run("store", "heal", "Default", "--from", "Copy")
    assert answer.code == 1
    assert "no point of the other vault has it" in answer.out
    assert run("store", "heal", "Default", "--from", "Default").code == 1
    assert run("store", "heal", "Default", "--from", "Nowhere").code == 1


@pytest.mark.slow
def test_an_index_and_rows_that_were_lost_are_made_again(data: Path, run: Run) -> None:
    arn = put_point(data, "p", TREE)
    put_point(data, "deleted", TREE)
    store = store_of(data)
    store.amend("deleted", "deletion", {}, written_at=1)
    put_point(data, "void", TREE)
    intent_id = store.point("void").intent_id
    assert intent_id is not None
    revocation = Revocation(version=1, intent_id=intent_id, admitted=[], written_at=1)
    IntentFolder(store.backend, store.keys, store.vault_id).revoke(revocation)
    backend = store_of(data).backend
    for name in folder_names(backend, "index/"):
        backend.delete(name)
    with opened(data) as installation, installation.catalog.begin() as tx:
        for point in ("p", "deleted", "void"):
            recovery_points.forget(tx, point)
    assert run("points", "--json").json["points"] == []
    (planned,) = run("store", "rebuild", "--dry-run", "--json").json["vaults"]
    assert (planned["points_added"], planned["is_written"]) == (1, False)
    assert run("points", "--json").json["points"] == []
    (report,) = run("store", "rebuild", "--json").json["vaults"]
    assert (report["points_added"], report["is_needed"]) == (1, True)
    (point,) = run("points", "--json").json["points"]
    assert point["arn"].endswith("recovery-point:p")
    assert point["arn"].rpartition(":")[2] == arn.rpartition(":")[2]
    (again,) = run("store", "rebuild", "--json", "--dry-run").json["vaults"]
    assert not again["is_needed"]
    assert run("verify").code == 0
    assert "0 were missing" in run("store", "rebuild", "--dry-run").out


def test_an_index_is_not_made_again_beside_a_writer_unless_he_is_dead(data: Path, run: Run) -> None:
    put_point(data, "p", TREE)
    store_of(data).intents.announce_for_others()
    answer = run("store", "rebuild")
    assert answer.code == 1
    assert "1 writer" in answer.err
    assert "--confirm" in answer.err
    assert run("store", "rebuild", "--confirm").code == 0
