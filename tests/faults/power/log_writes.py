"""What a disk was told to do, as the kernel's dm-log-writes has written it down, and what a power cut leaves.

A disk keeps what was flushed, and of later writes any sectors it likes.

Source: Linux, drivers/md/dm-log-writes.c and Documentation/admin-guide/device-mapper/log-writes.rst.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import BinaryIO

SECTOR_BYTES = 512
AT_ONCE = 8  # sectors that a disk writes whole or not at all: ext4 lays its superblock over two of them
MAGIC = 0x6A736677736872
SUPER = struct.Struct("<QQQI")  # magic, version, number of entries, sector size
ENTRY = struct.Struct("<QQQQ")  # sector, number of sectors, flags, bytes of a mark


class Flag(IntFlag):
    FLUSH = 1  # all that was completed before is durable
    FUA = 2  # this write itself is durable when it is completed
    DISCARD = 4
    MARK = 8
    METADATA = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """sector  where its data goes; mark: what somebody was told, for a mark"""

    flags: Flag
    sector: int
    data: bytes
    mark: str = ""

    @property
    def writes(self) -> bool:
        return bool(self.data) and Flag.MARK not in self.flags


def read_log(log: BinaryIO) -> Iterator[Entry]:
    """All entries, in order. Raises ValueError for what is no such log."""
    magic, version, count, sector_bytes = SUPER.unpack_from(log.read(SECTOR_BYTES))
    if (magic, version) != (MAGIC, 1):
        raise ValueError("this is no log of writes")
    log.seek(sector_bytes)
    for _ in range(count):
        head = log.read(sector_bytes)
        sector, sectors, flags, mark_bytes = ENTRY.unpack_from(head)
        flag = Flag(flags)
        mark = head[ENTRY.size : ENTRY.size + mark_bytes].rstrip(b"\0").decode() if Flag.MARK in flag else ""
        has_data = sectors and not flag & (Flag.DISCARD | Flag.MARK)
        data = log.read(sectors * SECTOR_BYTES) if has_data else b""
        if Flag.DISCARD in flag:
            data = bytes(sectors * SECTOR_BYTES)
        yield Entry(flag, sector * sector_bytes // SECTOR_BYTES, data, mark)


Sectors = dict[int, bytes]  # those that hold anything but zeros
ZEROS = bytes(SECTOR_BYTES)


@dataclass
class Disk:
    """A disk that goes through a log step by step."""

    durable: Sectors = field(default_factory=dict)
    volatile: list[Entry] = field(default_factory=list)  # written, and not flushed yet
    told: list[str] = field(default_factory=list)

    def step(self, entry: Entry) -> None:
        if Flag.MARK in entry.flags:
            self.told.append(entry.mark)
            return
        if Flag.FLUSH in entry.flags:
            for written in self.volatile:
                put(self.durable, written)
            self.volatile.clear()
        if entry.writes and Flag.FUA in entry.flags:
            put(self.durable, entry)
        elif entry.writes:
            self.volatile.append(entry)

    def after_a_cut(self, share_lost: float, chance: random.Random) -> Sectors:
        """What it holds when the power is back: of what was not flushed writes are lost, or parts."""
        state = dict(self.durable)
        for written in self.volatile:
            is_torn, is_lost = chance.random() < 0.3, chance.random() < share_lost
            places = range(written.sector, written.sector + len(written.data) // SECTOR_BYTES)
            fates = {place // AT_ONCE: chance.random() >= share_lost for place in places}
            put(state, written, [fates[place // AT_ONCE] if is_torn else not is_lost for place in places])
        return state


def put(disk: Sectors, entry: Entry, kept: Sequence[bool] | None = None) -> None:
    for number in range(len(entry.data) // SECTOR_BYTES):
        if kept is None or kept[number]:
            data = entry.data[number * SECTOR_BYTES : (number + 1) * SECTOR_BYTES]
            if data == ZEROS:
                disk.pop(entry.sector + number, None)
            else:
                disk[entry.sector + number] = data


def runs(disk: Sectors) -> Iterator[tuple[int, bytes]]:
    """Where each run of neighbouring sectors begins, in bytes, and what it holds."""
    run: list[bytes] = []
    start = 0
    for sector in sorted(disk):
        if run and sector != start + len(run):
            yield start * SECTOR_BYTES, b"".join(run)
            run = []
        if not run:
            start = sector
        run.append(disk[sector])
    if run:
        yield start * SECTOR_BYTES, b"".join(run)
