"""Runs inside the small machine of machine.py: records what a story does to a disk, and looks at what a power
cut leaves of it. `inside record STORY [hasty]`, `inside replay SEED FATES [CUTS]`
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from safehold.core.errors import SafeholdError
from safehold.store.backends.local import LocalBackend
from tests.faults.power.log_writes import Disk, Sectors, read_log, runs
from tests.faults.power.machine import ANSWER, MODULES
from tests.faults.power.recording import HastyOs, instead_of_os
from tests.faults.power.trial import STORIES, VAULT, Findings, Scene, look_at, short_ways, standing
from tests.store.collect.worlds import VaultWorld

DISK, LOG = Path("/dev/ubda"), Path("/dev/ubdb")
SEEN = "seen"  # the disk as the file system sees it, with every write written down
PLACE = Path("/mnt/disk")
READY = "ready"
FINIT_MODULE, BLKFLSBUF, LOOP_SET_FD, LOOP_CLR_FD = (
    313,
    0x1261,
    0x4C00,
    0x4C01,
)  # x86-64; <linux/fs.h>, loop.h
LOOP = Path("/dev/loop0")
SHARES_LOST = (1.0, 0.0, 0.5, 0.1, 0.9)  # of what was not flushed; the extremes first

libc = ctypes.CDLL(None, use_errno=True)


def call(what: str, result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def load_module(name: str) -> None:
    found = next(MODULES.rglob(f"{name}.ko"))
    descriptor = os.open(found, os.O_RDONLY)
    call(f"loading {name}", libc.syscall(FINIT_MODULE, descriptor, b"", 0))
    os.close(descriptor)


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def mounted(device: Path) -> Iterator[Path]:
    PLACE.mkdir(exist_ok=True)
    call("mount", libc.mount(os.fsencode(device), os.fsencode(PLACE), b"ext4", 0, None))
    try:
        yield PLACE
    finally:
        call("umount", libc.umount2(os.fsencode(PLACE), 0))


def mark(what: str) -> None:
    run("dmsetup", "message", SEEN, "0", "mark", what.replace(" ", "_"))


class MarkedScene(Scene):
    """A scene on a real file system; what its users are told is marked in the disk's log."""

    def __init__(self) -> None:
        self.backend = LocalBackend.create(PLACE / VAULT)
        self.world = VaultWorld(self.backend)

    def tell(self, what: str) -> None:
        mark(what)


def record(story: str, *, is_hasty: bool) -> dict[str, object]:
    for name in ("dm-mod", "dm-log-writes"):
        load_module(name)
    sectors = DISK.stat() and os.lseek(os.open(DISK, os.O_RDONLY), 0, os.SEEK_END) // 512
    run("dmsetup", "create", SEEN, "--table", f"0 {sectors} log-writes {DISK} {LOG}")
    device = Path("/dev/mapper") / SEEN
    run("mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(device))
    with ExitStack() as stack:
        stack.enter_context(mounted(device))
        stack.enter_context(short_ways())
        if is_hasty:
            stack.enter_context(instead_of_os(HastyOs()))
        mark(READY)
        STORIES[story](MarkedScene())
        mark("end")
    run("dmsetup", "remove", SEEN)
    return {"is_recorded": True}


class Screen:
    """A file in memory as a disk, to be filled anew and mounted again and again."""

    def __init__(self, size_bytes: int) -> None:
        load_module("loop")
        self._file = open("/mnt/state.img", "w+b")  # noqa: SIM115  # lives as long as this machine
        self._size_bytes = size_bytes
        self._file.truncate(size_bytes)
        self._loop = os.open(LOOP, os.O_RDWR)
        fcntl.ioctl(self._loop, LOOP_SET_FD, self._file.fileno())

    def show(self, state: Sectors) -> Path:
        self._file.truncate(0)
        self._file.truncate(self._size_bytes)
        for start, data in runs(state):
            os.pwrite(self._file.fileno(), data, start)
        fcntl.ioctl(self._loop, BLKFLSBUF, 0)
        return LOOP


def replay(seed: str, fates: int, most_cuts: int) -> dict[str, object]:
    """At up to so many moments after the file system was ready, chosen at random, each with so many fates."""
    began = time.monotonic()
    with LOG.open("rb") as log:
        entries = list(read_log(log))
    ready = next(number for number, entry in enumerate(entries) if entry.mark == READY)
    chance = random.Random(seed)
    moments = range(ready + 1, len(entries) + 1)
    chosen = set(moments if len(moments) <= most_cuts else chance.sample(moments, most_cuts))
    size = os.lseek(os.open(DISK, os.O_RDONLY), 0, os.SEEK_END)
    disk, screen, found = Disk(), Screen(size), Findings(steps=len(entries))
    for number, entry in enumerate(entries, 1):
        disk.step(entry)
        if number in chosen:
            for share in SHARES_LOST[: fates if disk.volatile else 1]:
                look(screen, disk, disk.after_a_cut(share, chance), f"entry {number}, {share} lost", found)
    return {
        "entries": len(entries),
        "cuts": len(chosen),
        "states": found.states,
        "unseen": found.unseen,
        "told": [what for what in disk.told if what.startswith("stands")],
        "broken": found.broken,
        "seconds": round(time.monotonic() - began, 1),
    }


def look(screen: Screen, disk: Disk, state: Sectors, when: str, found: Findings) -> None:
    found.states += 1
    stands = standing(what.replace("_", " ") for what in disk.told)
    with short_ways(), instead_of_os(HastyOs()):
        try:
            with mounted(screen.show(state)) as place:
                if stands or (place / VAULT).is_dir():
                    wrong = look_at(LocalBackend.create(place / VAULT), stands, found)
                    found.broken += [f"{when}: {what}" for what in wrong]
        except (SafeholdError, OSError) as error:
            found.broken.append(f"{when}: {type(error).__name__}: {error}")


def main(act: str, first: str, *rest: str) -> None:
    if act == "record":
        answer = record(first, is_hasty="hasty" in rest)
    else:
        answer = replay(first, int(rest[0]), int(rest[1]))
    print(ANSWER + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
