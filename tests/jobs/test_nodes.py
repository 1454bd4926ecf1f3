"""The dead are found, what they held goes on; the living, slow or asleep, are left alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from safehold.core.clock import FixedClock
from safehold.jobs import lifeline
from safehold.jobs.lifeline import Lifeline
from safehold.jobs.nodes import Membership
from safehold.jobs.patience import Interrupted
from safehold.records import claims, nodes
from safehold.records.engine import Catalog
from safehold.records.nodes import Node
from tests.jobs.conftest import NOW, NotingEngine, Shelf

LEASE = 15.0


@pytest.fixture
def join(catalog: Catalog, clock: FixedClock) -> Callable[..., Membership]:
    with catalog.begin() as tx:
        for name in ("a", "b"):
            nodes.delete_node(tx, name)

    def join(name: str, folder: Path | None = None) -> Membership:
        member = Membership(catalog, Node(name, "worker", "host", 1, NOW, NOW), clock, LEASE, folder)
        member.join()
        return member

    return join


def take(catalog: Catalog, shelf: Shelf, worker_id: str) -> None:
    shelf.put()
    with catalog.begin() as tx:
        claims.take(tx, shelf.get(), worker_id=worker_id, now=NOW)


def test_a_node_silent_for_a_lease_is_reaped_and_its_job_is_free(
    join: Callable[..., Membership], catalog: Catalog, clock: FixedClock, shelf: Shelf, engine: NotingEngine
) -> None:
    watcher, silent = join("a"), join("b")
    take(catalog, shelf, "b")
    for _ in range(4):
        assert watcher.reap(engine.as_engine()) == []
        clock.at += timedelta(seconds=LEASE / 3)
    clock.at += timedelta(seconds=1)
    assert watcher.reap(engine.as_engine()) == ["b"]
    assert engine.handed_over == ["b"]
    assert shelf.get().worker_id is None
    silent.beat()
    assert silent.reaped.is_set(), "it learns that it must stop"


def test_a_node_that_beats_lives_however_seldom(
    join: Callable[..., Membership], clock: FixedClock, engine: NotingEngine
) -> None:
    watcher, slow = join("a"), join("b")
    for look in range(20):
        assert watcher.reap(engine.as_engine()) == []
        clock.at += timedelta(seconds=LEASE / 3)
        if look % 3 == 2:
            slow.beat()
    assert not slow.reaped.is_set()


def test_a_watcher_that_slept_or_was_cut_off_gives_everybody_a_lease_to_speak_up(
    join: Callable[..., Membership], clock: FixedClock, engine: NotingEngine
) -> None:
    watcher = join("a")
    join("b")
    watcher.reap(engine.as_engine())
    clock.at += timedelta(hours=8)
    for _ in range(3):
        assert watcher.reap(engine.as_engine()) == []
        clock.at += timedelta(seconds=LEASE / 3)


def test_a_node_makes_sure_that_it_lives_before_it_goes_on_after_a_pause(
    join: Callable[..., Membership], catalog: Catalog, clock: FixedClock
) -> None:
    member = join("a")
    clock.at += timedelta(seconds=LEASE)
    member.confirm(threading.Event())
    with catalog.begin() as tx:
        (node,) = nodes.list_nodes(tx)
        assert node.beat == 1
        assert nodes.declare_dead(tx, node, now=NOW)
    member.confirm(threading.Event())  # its last beat is fresh: nobody can have waited for a lease
    clock.at += timedelta(seconds=LEASE)
    with pytest.raises(Interrupted):
        member.confirm(threading.Event())


def test_a_crash_in_the_midst_of_reaping_is_made_good_by_the_next_reaper(
    join: Callable[..., Membership], catalog: Catalog, shelf: Shelf, engine: NotingEngine
) -> None:
    watcher, dead = join("a"), join("b")
    take(catalog, shelf, "b")
    with catalog.begin() as tx:
        assert nodes.declare_dead(tx, dead.node, now=NOW)  # and then the reaper died
    assert watcher.reap(engine.as_engine()) == ["b"]
    assert shelf.get().worker_id is None
    assert watcher.reap(engine.as_engine()) == []


def test_what_strangers_hold_is_handed_on_and_what_listed_nodes_hold_is_not(
    join: Callable[..., Membership], catalog: Catalog, shelf: Shelf, engine: NotingEngine
) -> None:
    watcher = join("a")
    join("b")
    take(catalog, shelf, "b")
    engine.believed = {"a", "b", "nobody"}
    assert watcher.reap_strangers(engine.as_engine()) == ["nobody"]
    assert shelf.get().worker_id == "b"


def test_a_node_that_leaves_is_not_reaped(
    join: Callable[..., Membership], catalog: Catalog, engine: NotingEngine, tmp_path: Path
) -> None:
    watcher, leaving = join("a", tmp_path), join("b", tmp_path)
    leaving.leave()
    assert watcher.reap(engine.as_engine()) == []
    watcher.leave()
    assert list(tmp_path.glob("*.alive")) == []
    with catalog.read() as tx:
        assert nodes.list_nodes(tx) == []


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lifeline of `b`."""
    code = (
        "import sys, time; from pathlib import Path; from safehold.jobs.lifeline import Lifeline;"
        "line = Lifeline(Path(sys.argv[1]), 'b'); print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_process_is_known_to_be_dead_at_once(
    join: Callable[..., Membership],
    catalog: Catalog,
    engine: NotingEngine,
    tmp_path: Path,
    other_process: subprocess.Popen[bytes],
) -> None:
    watcher = join("a", tmp_path)
    with catalog.begin() as tx:
        nodes.insert_node(tx, Node("b", "worker", "host", other_process.pid, NOW, NOW))
    assert watcher.reap(engine.as_engine()) == []
    other_process.kill()
    other_process.wait()
    assert watcher.reap(engine.as_engine()) == ["b"]
    assert not (tmp_path / "b.alive").exists()


def test_a_lifeline_is_whole_while_it_is_held(tmp_path: Path) -> None:
    line = Lifeline(tmp_path, "n")
    assert not lifeline.is_cut(tmp_path, "n")
    line.close()
    assert lifeline.is_cut(tmp_path, "n")
    assert lifeline.is_cut(tmp_path, "never seen")
