from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from safehold.core.errors import ConfigError, ObjectExists, StoreFull, StoreUnavailable
from safehold.store.backends.contract import Backend
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.places import open_place
from tests.store.backends.contract import BackendContract

CHECKOUT = Path(__file__).parents[3]


class TestLocalBackend(BackendContract):
    def make(self, folder: Path) -> Backend:
        return LocalBackend.create(folder / "vault")


@pytest.fixture
def no_unnamed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that does not know O_TMPFILE."""
    real_open = os.open

    def refuse(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not supported")
        return real_open(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.usefixtures("no_unnamed_files")
class TestLocalBackendWithoutUnnamedFiles(BackendContract):
    def make(self, folder: Path) -> Backend:
        return LocalBackend.create(folder / "vault")

    def test_no_temporary_file_stays(self, backend: LocalBackend) -> None:
        backend.put("packs/a", [b"x"])
        with pytest.raises(ObjectExists):
            backend.put("packs/a", [b"y"])
        assert unfinished(backend.root) == []


def unfinished(root: Path) -> list[Path]:
    return list((root / "tmp").iterdir())


@pytest.mark.parametrize("way", ["unnamed", "named"])
def test_a_failed_put_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "named":
        request.getfixturevalue("no_unnamed_files")
    backend = LocalBackend.create(tmp_path / "vault")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreUnavailable, match="the disk is broken"):
        backend.put("packs/a", [b"x"])
    monkeypatch.undo()
    assert unfinished(tmp_path / "vault") == []
    assert list(backend.list("packs/")) == []


def test_bytes_are_synced_before_the_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    backend.put("packs/first", [b"makes the folders"])
    happened: list[str] = []
    sync, link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        happened.append("folder synced" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file synced")
        sync(descriptor)

    def linked(path: Path, name: str, *, dst_dir_fd: int, follow_symlinks: bool) -> None:
        happened.append("linked")
        link(path, name, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    backend.put("packs/a", [b"x"])
    assert happened == ["file synced", "linked", "folder synced"]


def test_new_folders_are_synced_into_their_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "vault"
    backend = LocalBackend.create(root)
    backend.put("packs/a", [b"x"])
    synced: set[int] = set()
    sync = os.fsync

    def remember(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", remember)
    backend.put("amendments/p/1", [b"x"])
    assert {folder.stat().st_ino for folder in (root, root / "amendments", root / "amendments/p")} <= synced


def test_writes_that_the_system_takes_in_pieces_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def little(descriptor: int, parts: Sequence[memoryview]) -> int:
        return write(descriptor, parts[0][:7])

    monkeypatch.setattr(os, "writev", little)
    backend = LocalBackend.create(tmp_path / "vault")
    backend.put("packs/a", [b"0123456789" * 3, b"", b"abcdefghij"])
    assert backend.get("packs/a") == b"0123456789" * 3 + b"abcdefghij"


def test_a_root_that_has_vanished_is_no_empty_vault_and_is_not_made_again(tmp_path: Path) -> None:
    root = tmp_path / "vault"
    backend = LocalBackend.create(root)
    backend.put("packs/a", [b"x"])
    shutil.rmtree(root)
    with pytest.raises(StoreUnavailable):
        list(backend.list("packs/"))
    with pytest.raises(StoreUnavailable):
        backend.put("packs/a", [b"x"])
    assert not root.exists()


def test_a_listing_that_the_system_refuses_raises(tmp_path: Path) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    backend.put("packs/a", [b"x"])
    (tmp_path / "vault/points").write_bytes(b"a file where a folder belongs")
    with pytest.raises(StoreUnavailable):
        list(backend.list("points/"))
    with pytest.raises(StoreUnavailable):
        backend.put("points/p", [b"x"])


def test_a_file_that_is_deleted_while_being_listed_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    names = [f"packs/{letter}" for letter in "abcdefgh"]
    for name in names:
        backend.put(name, [b"x"])
    scan = os.scandir

    class Scanned:
        """The folder as it was read; the first of its files is gone before anybody looks closer."""

        def __enter__(self) -> list[os.DirEntry[str]]:
            with scan(tmp_path / "vault/packs") as entries:
                found = list(entries)
            os.unlink(found[0].path)
            names.remove(f"packs/{found[0].name}")
            return found

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", lambda path: Scanned())
    assert [info.name for info in backend.list("packs/")] == names


def test_listing_while_others_write_and_delete_shows_all_that_stays(tmp_path: Path) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    stays = [f"packs/s{number:02}" for number in range(20)]
    for name in stays:
        backend.put(name, [b"x"])
    is_over = threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            backend.put("packs/m", [b"x"])
            backend.delete("packs/m")

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(50):
            assert set(stays) <= {info.name for info in backend.list("packs/")}
    finally:
        is_over.set()
        thread.join()


FULL_DISK = """
import sys
from pathlib import Path
from safehold.core.errors import StoreFull
from safehold.store.backends.local import LocalBackend
from safehold.store.soundness.verify import verify
from tests.store.vaults import back_up, flat, open_store, restore

root = Path(sys.argv[1]) / "vault"
backend = LocalBackend.create(root)
small = {b"a": b"few bytes"}
large = {b"%d" % n: __import__("random").Random(n).randbytes(1 << 20) for n in range(12)}
back_up(open_store(backend), "before", small)
try:
    back_up(open_store(backend), "p", large)
    sys.exit("12 MiB went into 8")
except StoreFull as error:
    print(error)
assert list((root / "tmp").iterdir()) == [], "a temporary file is left"
assert [info.name for info in backend.list("packs/")] == []
assert list(open_store(backend).points()) == ["before"]
assert verify(open_store(backend), read_data=True).is_well
GROW()
back_up(open_store(backend), "p", large)
assert restore(open_store(backend), "p") == flat(large)
assert restore(open_store(backend), "before") == flat(small)
"""
GROW_MOUNT = """
def GROW():
    import subprocess
    subprocess.run(["mount", "-o", "remount,size=64m", sys.argv[1]], check=True)
"""
GROW_FAKE = """
import os, errno
room, writev = [8 << 20], os.writev
def limited(descriptor, parts):
    if room[0] < sum(map(len, parts)):
        raise OSError(errno.ENOSPC, "no space left")
    written = writev(descriptor, parts)
    room[0] -= written
    return written
os.writev = limited
def GROW():
    room[0] = 64 << 20
"""


def own_mounts() -> list[str]:
    """A command line that gives what follows mounts of its own, gone with it; empty where that is refused."""
    for command in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        try:
            subprocess.run([*command, "mount", "-t", "tmpfs", "x", "/mnt"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return command
    return []


def test_a_full_disk_loses_nothing_and_work_goes_on_once_there_is_room(tmp_path: Path) -> None:
    # A real file system of 8 MiB where the machine lets us mount one; else a system call that says so.
    script = tmp_path / "script.py"
    unshare = own_mounts()
    script.write_text("import sys\n" + (GROW_MOUNT if unshare else GROW_FAKE) + FULL_DISK)
    disk = tmp_path / "disk"
    disk.mkdir()
    run = [sys.executable, str(script), str(disk)]
    if unshare:
        mounted = 'mount -t tmpfs -o size=8m small "$1" && shift && exec "$@"'
        run = [*unshare, "sh", "-c", mounted, "sh", str(disk), *run]
    paths = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "src")])
    done = subprocess.run(
        run, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no room left" in done.stdout


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_and_no_quota_are_a_full_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(descriptor: int, parts: Sequence[memoryview]) -> int:
        raise OSError(code, "no")

    backend = LocalBackend.create(tmp_path / "vault")
    monkeypatch.setattr(os, "writev", refuse)
    with pytest.raises(StoreFull):
        backend.put("packs/a", [b"x"])
    assert unfinished(tmp_path / "vault") == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda backend: backend.get("packs/a"),
        lambda backend: backend.size("packs/a/b"),
        lambda backend: backend.delete("packs/a"),
    ],
    ids=["get", "size", "delete"],
)
def test_what_the_system_refuses_is_unavailable(
    tmp_path: Path, ask: Callable[[LocalBackend], object]
) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    (tmp_path / "vault/packs/a").mkdir(parents=True)
    (tmp_path / "vault/packs/a/b").symlink_to("b")  # a loop
    with pytest.raises(StoreUnavailable):
        ask(backend)


def test_a_vaults_place_is_made_only_when_it_was_never_written_to(tmp_path: Path) -> None:
    url = (tmp_path / "a site").as_uri()
    with pytest.raises(StoreUnavailable):
        open_place(url, "v1", create=True)
    (tmp_path / "a site").mkdir()
    with pytest.raises(StoreUnavailable):
        open_place(url, "v1", create=False)
    open_place(url, "v1", create=True).put("keys/0", [b"x"])
    assert open_place(url, "v1", create=False).get("keys/0") == b"x"


def test_a_place_of_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConfigError):
        open_place("ftp://host/folder", "v1", create=True)
