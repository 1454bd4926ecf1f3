"""`safehold store`: collect, undelete, journal, on an installation with points."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core.clock import SystemClock, to_micros
from tests.cli.conftest import Run
from tests.cli.vaults import put_point, store_of
from tests.store.vaults import Tree, flat, restore

TREE: Tree = {b"a": b"alpha" * 1000, b"d": {b"b": b"beta" * 1000}}


@pytest.fixture
def with_points(data: Path) -> Path:
    put_point(data, "kept", TREE)
    put_point(data, "gone", {b"z": b"other" * 1000})
    now = to_micros(SystemClock().now())
    store_of(data).amend("gone", "deletion", {}, written_at=now - 3 * 86_400_000_000)
    return data


def test_a_vault_that_was_never_used_has_nothing_to_collect(data: Path, run: Run) -> None:
    (report,) = run("store", "collect", "--json").json["vaults"]
    assert (report["announced"], report["refused"]) == ([], None)


def test_what_no_point_needs_is_told_then_announced_and_stands_in_the_journal(
    with_points: Path, run: Run
) -> None:
    (told,) = run("store", "collect", "--dry-run", "--json").json["vaults"]
    assert told["announced"] == ["points/gone"]
    assert run("store", "journal", "Default", "--json").json == {"runs": []}
    (done,) = run("store", "collect", "--confirm", "--json").json["vaults"]
    assert done["announced"] == ["points/gone"]
    (entry,) = run("store", "journal", "Default", "--json").json["runs"][0]["entries"]
    assert (entry["action"], entry["name"]) == ("announced", "points/gone")
    assert "announced" in run("store", "journal", "Default").out


def test_a_deleted_point_comes_back(with_points: Path, run: Run) -> None:
    run("store", "collect", "--confirm")
    report = run("store", "undelete", "Default", "--point", "gone", "--json").json
    assert (report["brought_back"], report["broken"]) == (["points/gone"], {})
    assert restore(store_of(with_points), "gone") == flat({b"z": b"other" * 1000})
    assert not store_of(with_points).is_deleted("gone")
    assert run("store", "collect", "--json").json["vaults"][0]["announced"] == []


def test_more_than_usual_goes_only_with_confirm(data: Path, run: Run) -> None:
    put_point(data, "gone", TREE)
    store_of(data).amend("gone", "deletion", {}, written_at=1)
    refused = run("store", "collect")
    assert refused.code == 1
    assert "--confirm" in refused.out
    assert run("store", "collect", "--confirm").code == 0


def test_a_point_that_stops_collection_is_named_with_its_vault(data: Path, run: Run) -> None:
    put_point(data, "torn", {b"large": bytes(range(256)) * 8192})
    backend = store_of(data).backend
    for info in list(backend.list("points/")):
        data_of = backend.get(info.name)
        backend.delete(info.name)
        backend.put(info.name, [data_of[:-40], bytes([data_of[-40] ^ 1]), data_of[-39:]])
    refused = run("store", "collect")
    assert refused.code == 1
    assert "Default: nothing was done" in refused.out
    assert "point torn" in refused.out
    assert "safehold store heal" in refused.out


@pytest.mark.parametrize("command", ["undelete", "journal"])
def test_a_vault_that_there_is_not_is_said(data: Path, run: Run, command: str) -> None:
    assert run("store", command, "nowhere").code == 1
