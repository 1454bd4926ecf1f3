"""Power loss below a real file system: the kernel writes down every write and flush of a disk.

What a power cut may leave of it is mounted again and looked at, in a small machine of its own
(power/machine.py).
"""

from __future__ import annotations

import io
import os
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.faults.power import machine
from tests.faults.power.log_writes import ENTRY, MAGIC, SUPER, Disk, Entry, Flag, read_log, runs
from tests.faults.power.trial import STORIES
from tests.fixtures.soak import SoakReport

SOAK_CUTS = int(os.environ.get("SAFEHOLD_DISK_CUTS", "100"))  # of each story; about three states for each
FATES = 5
DISK_BYTES, LOG_BYTES = 48 << 20, 1 << 30  # the log is sparse
SECONDS_A_CUT = 30.0


def sector(data: bytes) -> bytes:
    return data.ljust(512, b"\0")


def log_of(*entries: tuple[Flag, int, bytes]) -> io.BytesIO:
    """A log as the kernel writes it. A mark's data is its text."""
    written = [sector(SUPER.pack(MAGIC, 1, len(entries), 512))]
    for flags, where, data in entries:
        is_mark = Flag.MARK in flags
        written.append(
            sector(
                ENTRY.pack(where, 0 if is_mark else len(data) // 512, flags, len(data) * is_mark)
                + data * is_mark
            )
        )
        written.append(b"" if is_mark else data)
    return io.BytesIO(b"".join(written))


A, B = b"a" * 512, b"b" * 8192


def test_a_log_of_writes_is_read_as_the_kernel_writes_it() -> None:
    log = log_of(
        (Flag(0), 8, A), (Flag.MARK, 0, b"ready"), (Flag.FLUSH | Flag.FUA, 9, B), (Flag.FLUSH, 0, b"")
    )
    assert list(read_log(log)) == [
        Entry(Flag(0), 8, A),
        Entry(Flag.MARK, 0, b"", "ready"),
        Entry(Flag.FLUSH | Flag.FUA, 9, B),
        Entry(Flag.FLUSH, 0, b""),
    ]
    with pytest.raises(ValueError, match="no log of writes"):
        list(read_log(io.BytesIO(struct.pack("<512x"))))


def test_a_disk_keeps_what_was_flushed_and_any_of_the_rest() -> None:
    disk, chance = Disk(), random.Random(1)
    disk.step(Entry(Flag(0), 8, A))
    assert disk.after_a_cut(1.0, chance) == {}
    assert disk.after_a_cut(0.0, chance) == {8: A}
    disk.step(Entry(Flag.FUA, 20, A))
    assert disk.after_a_cut(1.0, chance) == {20: A}
    disk.step(Entry(Flag.FLUSH, 0, b""))
    disk.step(Entry(Flag(0), 32, B))
    seen = {tuple(sorted(disk.after_a_cut(0.5, chance))) for _ in range(200)}
    first, second = tuple(range(32, 40)), tuple(range(40, 48))  # a disk writes eight sectors at once
    assert seen == {(8, 20), (8, 20, *first), (8, 20, *second), (8, 20, *first, *second)}
    disk.step(Entry(Flag.FLUSH | Flag.FUA, 8, bytes(512)))
    assert list(runs(disk.after_a_cut(1.0, chance))) == [(20 * 512, A), (32 * 512, B)]


def trial(folder: Path, story: str, *, seed: str, cuts: int, hasty: bool = False) -> dict[str, Any]:
    disk, log = folder / "disk", folder / "log"
    for path, size in ((disk, DISK_BYTES), (log, LOG_BYTES)):
        path.touch()
        os.truncate(path, size)
    options = ["hasty"] if hasty else []
    machine.run(folder, "record", story, *options, disks=[disk, log], timeout_seconds=600)
    seconds = 300 + SECONDS_A_CUT * cuts
    asked = ("replay", seed, str(FATES), str(cuts))
    return machine.run(folder, *asked, disks=[disk, log], timeout_seconds=seconds)


@pytest.mark.soak
@pytest.mark.parametrize("story", STORIES)
def test_a_vault_survives_power_cuts_below_its_file_system(
    tmp_path: Path, story: str, soak_report: SoakReport
) -> None:
    seed = str(int.from_bytes(os.urandom(4)))
    found = trial(tmp_path, story, seed=seed, cuts=SOAK_CUTS)
    soak_report(
        f"power cuts below ext4, on dm-log-writes, story `{story}`",
        f"{found['entries']:,} writes and flushes, {found['cuts']:,} cuts, {found['states']:,} disks mounted "
        f"and looked at, {found['unseen']:,} with a point whose writer had not been told; seed {seed}, "
        f"{found['seconds']:,} s; {'; '.join(found['broken']) or 'nothing lost, nothing wrong'}",
    )
    assert found["broken"] == []
    assert found["told"] != []
    assert found["states"] > found["cuts"]


@pytest.mark.soak
def test_a_program_that_does_not_sync_is_found_out(tmp_path: Path) -> None:
    """The guard taken out: of a program that never waits for the disk points are lost."""
    assert trial(tmp_path, "two_backups", seed="1", cuts=30, hasty=True)["broken"] != []
