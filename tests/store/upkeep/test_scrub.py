"""Scrubbing reads the longest unread first, within its budget, remembers it, and condemns what is damaged."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from safehold.core.clock import FixedClock
from safehold.core.errors import StoreUnavailable
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect.undeleting import undelete
from safehold.store.restoring.verdicts import Verdict
from safehold.store.soundness import checks as checks_module
from safehold.store.soundness.verify import verify
from safehold.store.upkeep import scrub as scrub_module
from safehold.store.upkeep.scrub import ScrubReport, scrub
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import CountingBackend, Tree, back_up, flat, folder_names, open_store, restore

MIB = 1 << 20
DAY = timedelta(days=1)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = 1 << 40


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREE: Tree = {b"long": noise(6 * MIB, 1), b"folder": {b"%02d" % n: noise(30_000, n) for n in range(30)}}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def backend() -> MemoryBackend:
    """Seven points of some objects each, about 2 MiB of packs for each."""
    backend = MemoryBackend()
    for number in range(7):
        back_up(open_store(backend), f"p{number}", {b"file": noise(2 * MIB, number)})
    return backend


def run(backend: MemoryBackend, clock: FixedClock, budget_bytes: int = ALL) -> ScrubReport:
    return scrub(open_store(backend), budget_bytes=budget_bytes, clock=clock)


def damage(backend: MemoryBackend, name: str, position: int = 60) -> None:
    data = bytearray(backend.objects[name])
    data[position] ^= 1
    backend.objects[name] = bytes(data)


def read_names(counting: CountingBackend) -> list[str]:
    """Objects that were fetched whole, in order; openings of others left out."""
    return [name for operation, name in counting.calls if operation == "get" and name.startswith("packs/")]


def test_the_budget_wins_and_the_next_run_goes_on_where_this_one_ended(
    backend: MemoryBackend, clock: FixedClock
) -> None:
    sizes = {name: len(data) for name, data in backend.objects.items() if not name.startswith("keys/")}
    budget = 5 * MIB
    seen: list[str] = []
    for _ in range(6):
        counting = CountingBackend(backend)
        report = scrub(open_store(counting), budget_bytes=budget, clock=clock)
        assert report.bytes_read <= budget
        seen += read_names(counting)
        clock.at += timedelta(hours=1)
        if report.unread_count == 0:
            break
    assert sorted(seen[:7]) == folder_names(backend, "packs/")  # each once before any comes again
    assert report.unread_count == 0
    assert report.total_bytes == sum(sizes.values())


def test_the_longest_unread_comes_first(backend: MemoryBackend, clock: FixedClock) -> None:
    run(backend, clock)
    clock.at += DAY
    back_up(open_store(backend), "new", {b"file": noise(2 * MIB, 99)})
    (new,) = set(folder_names(backend, "packs/")) - {
        entry.name for entry in checks_module.Checks(open_store(backend)).all().values()
    }
    clock.at += DAY
    run(backend, clock, budget_bytes=0)  # sees it, reads nothing
    clock.at += DAY
    counting = CountingBackend(backend)
    scrub(open_store(counting), budget_bytes=ALL, clock=clock)
    assert read_names(counting)[-1] == new  # written after all others were read back


def test_what_was_read_is_known_after_a_restart_and_on_another_machine(
    backend: MemoryBackend, clock: FixedClock
) -> None:
    run(backend, clock)
    clock.at += 10 * DAY
    report = run(backend, clock, budget_bytes=0)
    assert (report.objects, report.unread_count, report.oldest_at) == (0, 0, NOW)


def test_a_run_that_is_cut_off_has_noted_most_of_what_it_read(
    backend: MemoryBackend, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrub_module, "SAVE_OBJECTS", 2)
    cut = scrub_module.Scrub(open_store(backend), budget_bytes=ALL, clock=clock)
    for _ in range(5):
        assert cut.step()
    del cut  # never finished
    report = run(backend, clock, budget_bytes=0)
    assert report.object_count - report.unread_count == 4


@pytest.mark.parametrize(("days", "is_overdue"), [(0, False), (30, False), (31, True)])
def test_what_stays_unread_for_more_than_thirty_days_raises_the_alarm(
    backend: MemoryBackend, clock: FixedClock, days: int, is_overdue: bool
) -> None:
    run(backend, clock, budget_bytes=0)
    clock.at += days * DAY
    report = run(backend, clock, budget_bytes=3 * MIB)
    assert report.oldest_at == NOW
    assert report.is_overdue(clock.at) is is_overdue
    assert not run(backend, clock).is_overdue(clock.at)


def test_an_empty_vault_is_never_overdue(clock: FixedClock) -> None:
    report = run(MemoryBackend(), clock)
    assert report.oldest_at is None
    assert not report.is_overdue(clock.at)


def test_an_object_that_alone_is_more_than_the_budget_is_told_and_holds_up_no_other(
    backend: MemoryBackend, clock: FixedClock
) -> None:
    report = run(backend, clock, budget_bytes=1 * MIB)
    assert report.too_large_count == 7
    assert report.unread_count == 7
    assert report.objects > 0


def test_notes_of_many_runs_become_one(backend: MemoryBackend, clock: FixedClock) -> None:
    for _ in range(checks_module.MANY + 5):
        clock.at += DAY
        run(backend, clock)
    assert len(folder_names(backend, "checks/")) <= 6
    assert run(backend, clock, budget_bytes=0).oldest_at == clock.at


def test_notes_that_are_lost_or_damaged_make_everything_unread(
    backend: MemoryBackend, clock: FixedClock
) -> None:
    run(backend, clock)
    for name in folder_names(backend, "checks/"):
        damage(backend, name)
    clock.at += DAY
    report = run(backend, clock, budget_bytes=0)
    assert report.unread_count == report.object_count


def test_damage_is_condemned_once_and_lost_notes_of_it_come_again(
    backend: MemoryBackend, clock: FixedClock
) -> None:
    name = folder_names(backend, "packs/")[3]
    damage(backend, name)
    before = dict(backend.objects)
    report = run(backend, clock)
    assert [(finding.name, finding.verdict, finding.frames) for finding in report.findings] == [
        (name, Verdict.DAMAGED, 1)
    ]
    assert (report.condemned, report.damaged_count) == (1, 1)
    assert run(backend, clock).condemned == 1
    (note,) = folder_names(backend, "condemned/")
    damage(backend, note)
    assert run(backend, clock).condemned == 1
    assert {name: backend.objects[name] for name in before} == before  # nothing was edited or deleted


def test_what_reads_well_again_is_acquitted(backend: MemoryBackend, clock: FixedClock) -> None:
    name = folder_names(backend, "packs/")[3]
    damage(backend, name)
    run(backend, clock)
    damage(backend, name)  # the bit flips back
    report = run(backend, clock)
    assert (report.acquitted, report.condemned) == (1, 0)
    assert folder_names(backend, "condemned/") == []


def test_what_cannot_be_read_is_condemned_by_nobody(backend: MemoryBackend, clock: FixedClock) -> None:
    name = folder_names(backend, "packs/")[3]
    silent = FaultyBackend(backend, [Fault("get", Trouble.FAIL, folder=name)])
    report = scrub(open_store(silent), budget_bytes=ALL, clock=clock)
    assert (report.unreadable_count, report.condemned, report.unread_count) == (1, 0, 1)
    assert run(backend, clock).unread_count == 0


def test_a_store_that_gives_no_answer_ends_the_run_and_what_was_read_is_noted(
    backend: MemoryBackend, clock: FixedClock
) -> None:
    for number in range(20):
        back_up(open_store(backend), f"q{number:02}", {b"%d" % number: b"bytes"})
    silent = FaultyBackend(backend, [Fault("get", Trouble.FAIL, folder="points/q")])
    store = open_store(backend)
    store.backend = silent
    with pytest.raises(StoreUnavailable):
        scrub(store, budget_bytes=ALL, clock=clock)
    report = run(backend, clock, budget_bytes=0)
    assert 0 < report.unread_count < report.object_count


@pytest.mark.parametrize("folder", ["packs/", "trees/"])
@pytest.mark.parametrize("position", [60, -1, 20], ids=["frame", "footer", "header"])
def test_the_next_backup_stores_what_is_condemned_again_and_old_points_are_whole(
    clock: FixedClock, folder: str, position: int
) -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    for name in folder_names(backend, folder):
        damage(backend, name, position)
    assert not verify(open_store(backend), read_data=True).is_well
    run(backend, clock)
    back_up(open_store(backend), "q", TREE, previous="p")
    for point in "pq":
        assert restore(open_store(backend), point) == flat(TREE)
    report = verify(open_store(backend), read_data=True)
    assert {problem.where.split("/")[0] for problem in report.problems} == {folder.rstrip("/")}


def test_only_what_was_found_damaged_is_stored_again_and_only_once(clock: FixedClock) -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    (name,) = folder_names(backend, "packs/")
    damage(backend, name)
    assert back_up(open_store(backend), "q", TREE, previous="p").stats.new_chunks == 0
    run(backend, clock)
    assert back_up(open_store(backend), "r", TREE, previous="q").stats.new_chunks > 0
    assert back_up(open_store(backend), "s", TREE, previous="r").stats.new_chunks == 0


def test_a_condemned_frame_that_opens_after_all_is_still_read(clock: FixedClock) -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    (name,) = folder_names(backend, "packs/")
    damage(backend, name, -1)  # only its footer: the object cannot be opened, its frames can be read
    run(backend, clock)
    assert restore(open_store(backend), "p") == flat(TREE)


def test_notes_of_what_collection_took_are_dropped(backend: MemoryBackend, clock: FixedClock) -> None:
    name = folder_names(backend, "packs/")[3]
    damage(backend, name)
    run(backend, clock)
    backend.delete(name)
    assert run(backend, clock).condemned == 0
    assert folder_names(backend, "condemned/") == []


def test_what_is_condemned_stays_so_in_the_trash_and_is_forgotten_when_it_is_purged() -> None:
    world = VaultWorld()
    for number in range(2):
        back_up(world.store(), f"p{number}", {b"file": noise(2 * MIB, number)})
    lost = next(name for name in world.store().objects_used(world.store().point("p0")) if "packs/" in name)
    damage(world.backend, lost)  # type: ignore[arg-type]
    scrub(world.store(), budget_bytes=ALL, clock=world.clock)
    assert len(world.names("condemned/")) == 1
    world.delete("p0")
    world.collect_for(6)
    assert lost not in world.names("packs/")
    scrub(world.store(), budget_bytes=ALL, clock=world.clock)
    assert len(world.names("condemned/")) == 1
    assert undelete(world.store(), points=["p0"], now=world.now).brought_back
    scrub(world.store(), budget_bytes=0, clock=world.clock)
    back_up(world.store(), "again", {b"file": noise(2 * MIB, 0)})
    assert restore(world.store(), "again") == {b"file": noise(2 * MIB, 0)}
    world.wait(DAY)
    for point in ("p0", "again"):
        world.delete(point)
    for _ in range(30):
        world.collect(is_confirmed=True)
        world.wait(DAY)
    assert lost not in world.names("packs/", "trash/")
    scrub(world.store(), budget_bytes=ALL, clock=world.clock)
    assert world.names("condemned/") == []
