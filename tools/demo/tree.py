"""The tree that is backed up: a copy of the running Python's own library, and what else a tree can hold."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ENOUGH_FILES = 5_000
ONE_FILE = "json/decoder.py"  # in the library of every Python
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")


def make(root: Path) -> None:
    """At least 5,000 files: the standard library, then installed packages until there are enough."""
    library = Path(sysconfig.get_path("stdlib"))
    _copy(library, root, leave_out=_PACKAGE_FOLDERS)
    for package in _packages():
        if file_count(root) >= ENOUGH_FILES:
            break
        _copy(package, root / "site-packages" / package.name)
    _add_special(root)


def change(root: Path) -> str:
    """Some files change, some are added, deleted and renamed, as in a day of work; says how many."""
    sources = sorted(path for path in root.rglob("*.py") if path.name != Path(ONE_FILE).name)
    changed, deleted, renamed = sources[0:600:12], sources[601:1000:20], sources[1001:1400:20]
    for path in changed:
        with path.open("a") as file:
            file.write("# one more line\n")
    for path in deleted:
        path.unlink()
    for path in renamed:
        path.rename(path.with_name("renamed_" + path.name))
    added = root / "added"
    added.mkdir()
    for number in range(40):
        (added / f"{number:02}.bin").write_bytes(os.urandom(20_000))
    return f"{len(changed)} changed, 40 added, {len(deleted)} deleted, {len(renamed)} renamed"


def file_count(root: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(root))


def _copy(origin: Path, target: Path, *, leave_out: tuple[str, ...] = ()) -> None:
    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name in leave_out and Path(folder) == origin]

    shutil.copytree(origin, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)


def _packages() -> Iterator[Path]:
    for folder in sorted(Path(sysconfig.get_path("purelib")).iterdir()):
        if folder.is_dir():
            yield folder


def _add_special(root: Path) -> None:
    special = root / "special"
    (special / "empty folder").mkdir(parents=True)
    (special / "link").symlink_to("../json/decoder.py")
    (special / "dangling").symlink_to("nowhere")
    os.link(root / ONE_FILE, special / "hard link")
    os.mkfifo(special / "fifo")
    with open(os.fsencode(special) + b"/not-utf8-\xff\xfe", "wb") as file:
        file.write(b"a name that is no text")
    with (special / "sparse").open("wb") as file:
        file.truncate(4 << 20)
        file.seek(1 << 20)
        file.write(b"an island in a hole")
    (special / "private").write_text("for its owner alone")
    (special / "private").chmod(0o600)
    os.utime(special / "private", ns=(1, 1_234_567_890_123_456_789))
    with suppress(OSError):  # not every file system has them
        os.setxattr(special / "private", "user.colour", b"green")
