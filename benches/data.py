"""What is backed up: real files of this machine, the same selection in every run."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

ORIGIN = Path("/usr")
SMALL_FILES = 45_000
SMALL_BYTES = 1 << 20
TINY_BYTES = 64 << 10
MIXED_BYTES = 2560 << 20
MANY_FILES = 1_000_000
MANY_IN_A_FOLDER = 500
IMAGE_BYTES = 1536 << 20
IMAGE_FILLED = 0.7  # of the image are files; the rest is free space, as on a real disk


def small_files(folder: Path) -> Path:
    """45,000 files of at most 1 MiB from this machine's own system, in their folders."""
    target = folder / "small"
    if not target.exists():
        _copy(_regular_files(lambda size: 0 < size <= SMALL_BYTES), target, count=SMALL_FILES)
    return target


def tiny_files(folder: Path) -> Path:
    """45,000 files of at most 64 KiB, where the cost of each file counts most."""
    target = folder / "tiny"
    if not target.exists():
        _copy(_regular_files(lambda size: 0 < size <= TINY_BYTES), target, count=SMALL_FILES)
    return target


def mixed_tree(folder: Path) -> Path:
    """2.5 GiB of files of any size."""
    target = folder / "mixed"
    if not target.exists():
        _copy(_regular_files(lambda size: size > 0), target, size=MIXED_BYTES)
    return target


def million_files(folder: Path) -> Path:
    """1,000,000 files of some hundred bytes each, all different, 500 in a folder."""
    target = folder / "million"
    if not target.exists():
        for first in range(0, MANY_FILES, MANY_IN_A_FOLDER):
            place = target / f"{first // 50_000:02}" / f"{first:07}"
            place.mkdir(parents=True)
            for number in range(first, first + MANY_IN_A_FOLDER):
                (place / f"{number:07}").write_bytes(b"%d\n" % number * (number % 97 + 1))
    return target


def disk_image(folder: Path) -> Path:
    """A folder with one 1.5 GiB ext4 image, most of it filled with real files."""
    target = folder / "image"
    if not target.exists():
        content = folder / "image-content"
        _copy(_regular_files(lambda size: size > 0), content, size=int(IMAGE_BYTES * IMAGE_FILLED))
        target.mkdir(parents=True)
        image = target / "disk.img"
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(
            ["mke2fs", "-q", "-t", "ext4", "-d", str(content), str(image)],
            check=True,
            env=os.environ | {"PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"},
        )
        shutil.rmtree(content)
    return target


def one_file(tree: Path) -> str:
    """The path, from the tree, of the one in the middle of all its files."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    return str(files[len(files) // 2].relative_to(tree))


def change_one_percent(tree: Path, seed: int) -> None:
    """One file in a hundred, or one 512 KiB block of an image in a hundred, gets other bytes."""
    chosen = random.Random(seed)
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    if len(files) == 1:
        _change_blocks(files[0], chosen)
        return
    for path in chosen.sample(files, len(files) // 100):
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2] = chosen.randbytes(64)
        path.write_bytes(data)


def _change_blocks(image: Path, chosen: random.Random) -> None:
    block = 512 << 10
    with image.open("r+b") as file:
        for number in chosen.sample(range(IMAGE_BYTES // block), IMAGE_BYTES // block // 100):
            file.seek(number * block)
            file.write(chosen.randbytes(4096))


def _regular_files(fits: Callable[[int], bool]) -> Iterator[tuple[Path, int]]:
    for root, folders, files in os.walk(ORIGIN):
        folders.sort()
        for name in sorted(files):
            path = Path(root, name)
            status = path.lstat()
            if not path.is_symlink() and path.is_file() and fits(status.st_size):
                yield path, status.st_size


def _copy(
    files: Iterator[tuple[Path, int]], target: Path, *, count: int | None = None, size: int | None = None
) -> None:
    total = 0
    for copied, (path, length) in enumerate(files):
        if (count is not None and copied >= count) or (size is not None and total + length > size):
            break
        place = target / path.relative_to(ORIGIN)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)
        total += length
