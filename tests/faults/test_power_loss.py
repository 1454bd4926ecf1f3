"""The power goes at any moment, and the disk loses any of what nobody had synced: committed points stay
whole, others never show, and the vault goes on. Each guard that this rests on is taken out once, and missed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.core.errors import ObjectExists
from safehold.store.backends.local import LocalBackend
from tests.faults.power.disk import ALL_KEPT, ALL_LOST, Did, fates
from tests.faults.power.recording import Recorder, RecordingOs, instead_of_os, seen
from tests.faults.power.trial import (
    STORIES,
    a_life,
    cut_power,
    new_disk,
    one_backup,
    record,
    record_restarted,
    two_backups,
)

SOAK_CHANCES = int(os.environ.get("SAFEHOLD_POWER_CHANCES", "60"))


def test_a_point_is_whole_or_not_there_whenever_the_power_goes(tmp_path: Path) -> None:
    found = cut_power(record(one_backup, tmp_path), tmp_path, chances=1)
    assert found.broken == []
    assert found.states > 12
    assert found.unseen > 0


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize(
    "chances",
    [
        pytest.param(3, marks=pytest.mark.slow, id="some"),
        pytest.param(SOAK_CHANCES, marks=pytest.mark.soak, id="many"),
    ],
)
def test_a_vault_survives_a_power_cut_at_any_step_of_its_life(
    tmp_path: Path, story: str, chances: int
) -> None:
    found = cut_power(record(STORIES[story], tmp_path), tmp_path, chances=chances, most=20)
    assert found.broken == []
    assert found.states > found.steps / 5
    assert found.unseen > 0


@pytest.mark.slow
def test_a_file_system_without_nameless_files_is_as_safe(tmp_path: Path) -> None:
    history = record(two_backups, tmp_path, can_do_without_names=False)
    assert any(step.did is Did.NAME and step.folder == "vault/tmp" for step in history.steps)
    assert cut_power(history, tmp_path, chances=3).broken == []


@pytest.mark.slow
def test_a_power_cut_after_a_process_was_killed_loses_nothing_that_the_next_one_committed(
    tmp_path: Path,
) -> None:
    whole = len(record(one_backup, tmp_path).steps)
    for killed_after in range(whole):
        here = tmp_path / f"{killed_after}"
        here.mkdir()
        history = record_restarted(one_backup, here, killed_after=killed_after)
        found = cut_power(history, here, chances=1, cuts=[len(history.steps)])
        assert found.broken == [], f"killed after {killed_after} steps"


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    found = new_disk(tmp_path)
    with instead_of_os(RecordingOs(found)):
        yield found


def opened(recorder: Recorder) -> LocalBackend:
    return LocalBackend.create(seen(recorder, recorder.root / "vault"))


def durable(recorder: Recorder) -> dict[str, bytes]:
    """What is there when everything that was not synced is lost."""
    return dict(recorder.history.state(len(recorder.history.steps), ALL_LOST).files)


def put_and_die(recorder: Recorder, last: Did) -> None:
    """Another process puts `points/p` and is killed just after its last step of that kind."""
    opened(recorder).put("points/p", [b"x"])
    while recorder.history.steps[-1].did is not last:
        recorder.history.steps.pop()


def test_who_is_told_that_an_object_exists_can_rely_on_it(recorder: Recorder) -> None:
    mine = opened(recorder)
    mine.put("points/before", [b"b"])
    mine.get("points/before")
    put_and_die(recorder, Did.NAME)
    assert "vault/points/p" not in durable(recorder)
    with pytest.raises(ObjectExists):
        mine.put("points/p", [b"y"])
    assert durable(recorder)["vault/points/p"] == b"x"


def test_who_reads_what_a_dead_process_left_can_rely_on_it(recorder: Recorder) -> None:
    opened(recorder).put("points/before", [b"b"])
    put_and_die(recorder, Did.NAME)
    assert opened(recorder).get("points/p") == b"x"
    assert durable(recorder)["vault/points/p"] == b"x"


def test_who_puts_into_a_folder_that_a_dead_process_made_can_rely_on_it(recorder: Recorder) -> None:
    mine = opened(recorder)
    mine.put("packs/a", [b"a"])
    put_and_die(recorder, Did.FOLDER)
    mine.put("points/q", [b"q"])
    assert durable(recorder)["vault/points/q"] == b"q"


def test_what_is_deleted_does_not_come_back(recorder: Recorder) -> None:
    mine = opened(recorder)
    mine.put("packs/a", [b"a"])
    mine.delete("packs/a")
    assert durable(recorder) == {}


def test_what_is_renamed_has_a_name_whenever_the_power_goes(recorder: Recorder) -> None:
    mine = opened(recorder)
    mine.put("packs/a", [b"a"])
    before = len(recorder.history.steps)
    mine.rename("packs/a", "trash/00000001/packs/a")
    for cut in range(before, len(recorder.history.steps) + 1):
        for fate in fates(cut, 5):
            assert b"a" in dict(recorder.history.state(cut, fate).files).values()


@pytest.mark.parametrize(
    ("guard", "what_breaks"),
    [
        (Did.SYNC_FILE, "half there|Damaged|cannot be read|does not authenticate|cut off"),
        (Did.SYNC_FOLDER, "is lost|are gone"),
    ],
)
def test_without_a_sync_the_simulation_finds_the_loss(tmp_path: Path, guard: Did, what_breaks: str) -> None:
    history = record(one_backup, tmp_path)
    found = cut_power(history.without(guard), tmp_path, chances=1)
    assert len(found.broken) > 0
    assert any(word in found.broken[0] for word in what_breaks.split("|")), found.broken


@pytest.mark.slow
def test_deletions_that_are_not_synced_bring_back_points_without_their_bytes(tmp_path: Path) -> None:
    history = record(a_life, tmp_path).without_syncs_of_deletions()
    assert cut_power(history, tmp_path, chances=3).broken != []


@pytest.mark.parametrize("folder", ["packs", "trees", pytest.param("index", marks=pytest.mark.slow)])
def test_a_record_that_is_written_before_what_it_needs_is_found_out(tmp_path: Path, folder: str) -> None:
    history = record(one_backup, tmp_path).delayed(f"vault/{folder}", until="vault/points")
    found = cut_power(history, tmp_path, chances=1)
    if folder == "index":  # readers do without it: rebuilding.py
        assert found.broken == []
    else:
        assert "point large" in found.broken[0] or "in no object of the vault" in found.broken[0], (
            found.broken
        )


def test_the_model_of_the_disk_loses_and_keeps_what_it_should(tmp_path: Path) -> None:
    history = record(one_backup, tmp_path)
    end = len(history.steps)
    assert history.state(0, ALL_KEPT).files == ()
    lost = history.without(Did.SYNC_FOLDER).state(end, ALL_LOST)
    assert (lost.files, lost.folders) == ((), frozenset({""}))
    on_disk = {
        path.relative_to(tmp_path / "disk").as_posix(): path.read_bytes()
        for path in (tmp_path / "disk").rglob("*")
        if path.is_file()
    }
    assert dict(history.state(end, ALL_KEPT).files) == on_disk
