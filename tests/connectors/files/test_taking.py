"""What a capture of a file tree takes, what it leaves alone, and what it tells."""

from __future__ import annotations

import errno
import os
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from safehold.connectors.contract import Capture
from safehold.connectors.files import kernel, mounts
from safehold.connectors.files.connector import FilesConnector
from safehold.connectors.files.facts import Seen
from safehold.connectors.files.reading import READ_BYTES
from safehold.connectors.files.walk import look_at_plainly, looking
from safehold.core.errors import ConfigError, SourceDenied, SourceMissing
from safehold.domain.items import Facts, Item, ItemKind, Listing
from tests.connectors.contract import backup, capture
from tests.connectors.files.conftest import FilesBench
from tests.connectors.files.trees import everything
from tests.connectors.memory_point import MemoryPoint, blocks_of


def only(point: MemoryPoint) -> list[bytes]:
    return sorted(point.paths())


def read_one(taken: Capture, directory: bytes, item: Item) -> tuple[bytes, Item] | None:
    got = taken.read_whole([(directory, item)])[0]
    return None if got is None else (bytes(got[0]), got[1])


def file_of(listing: Listing, name: bytes) -> Item:
    return next(item for item in listing.items if item.name == name)


def replace_facts(point: MemoryPoint, facts: Facts) -> MemoryPoint:
    """The same point, the root's facts being others."""
    top = Item(b"", point.top.kind, 0, facts, point.top.content)
    return replace(point, top=top)


@contextmanager
def as_user(number: int) -> Iterator[None]:
    """For what root may do and others may not. The thread's own identity, put back afterwards."""
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def anyones_folder() -> Iterator[Path]:
    """A folder that other users can reach, which a test's own folder is not."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# --- settings


def test_patterns_of_the_source_decide_what_is_taken(empty_bench: FilesBench) -> None:
    for path in ("docs/a.md", "docs/a.tmp", "src/x.py", "top.md", "cache/deep/x.md"):
        file = empty_bench.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    empty_bench.set(include=["docs/**", "/top.md"], exclude=["*.tmp"])
    assert only(backup(empty_bench)) == [b"docs", b"docs/a.md", b"top.md"]
    empty_bench.set(include=[], exclude=["cache/", "*.py"])
    assert only(backup(empty_bench)) == [b"docs", b"docs/a.md", b"docs/a.tmp", b"src", b"top.md"]


@pytest.mark.parametrize(
    "settings",
    [
        {"path": "relative"},
        {"path": None},
        {"path": "/x\0y"},
        {"include": "*.md"},
        {"exclude": [1]},
        {"writable_roots": ["relative"]},
        {"one_file_system": "yes"},
        {"pathh": "/x"},
    ],
)
def test_a_wrong_setting_is_named(empty_bench: FilesBench, settings: dict[str, object]) -> None:
    empty_bench.set(**settings)
    with pytest.raises(ConfigError):
        empty_bench.connector.discover(empty_bench.source)


def test_a_file_is_not_a_folder_to_protect(empty_bench: FilesBench) -> None:
    file = empty_bench.folder / "file"
    file.touch()
    empty_bench.set(path=str(file))
    with pytest.raises(SourceMissing, match="Not a directory"):
        empty_bench.connector.discover(empty_bench.source)


def test_a_folder_that_may_not_be_read_is_denied_with_a_hint(
    empty_bench: FilesBench, anyones_folder: Path
) -> None:
    closed = anyones_folder / "closed"
    closed.mkdir(mode=0o700)
    empty_bench.set(path=str(closed))
    with as_user(65534), pytest.raises(SourceDenied, match="may not be read") as denied:
        empty_bench.connector.discover(empty_bench.source)
    assert "user" in denied.value.hint


def test_the_two_types_have_arns_of_their_services(empty_bench: FilesBench) -> None:
    arns = [
        empty_bench.connector.discover(replace(empty_bench.source, resource_type=kind))[0].arn
        for kind in ("EFS", "FSx")
    ]
    assert [arn.split("/")[0] for arn in arns] == [
        "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system",
        "arn:aws:fsx:us-east-1:111122223333:file-system",
    ]
    assert all(len(arn.split("/fs-")[1]) == 17 for arn in arns)


# --- change detection


def test_a_change_that_hides_behind_its_old_times_is_seen(empty_bench: FilesBench) -> None:
    file = empty_bench.folder / "f"
    file.write_bytes(b"old")
    before = file.stat()
    first = backup(empty_bench)
    file.write_bytes(b"new")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert backup(empty_bench, first).data[b"f"] == b"new"


def test_a_file_replaced_by_another_of_the_same_times_is_seen(empty_bench: FilesBench) -> None:
    file, other = empty_bench.folder / "f", empty_bench.folder / "g"
    file.write_bytes(b"old")
    first = backup(empty_bench)
    other.write_bytes(b"new")
    os.utime(other, ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    other.rename(file)
    assert backup(empty_bench, first).data[b"f"] == b"new"


def test_what_changed_just_before_it_was_read_is_read_again(empty_bench: FilesBench) -> None:
    (empty_bench.folder / "f").write_bytes(b"x")
    first = backup(empty_bench, now=datetime.now(UTC))
    assert first.item(b"f").facts["r"] == 1
    second = backup(empty_bench, first)
    assert second.read == [b"f"]
    assert "r" not in second.item(b"f").facts
    assert backup(empty_bench, second).read == []


def test_a_new_owner_or_attribute_alone_makes_an_item_new(empty_bench: FilesBench) -> None:
    for name in ("owner", "attribute", "same"):
        (empty_bench.folder / name).write_bytes(b"x")
    first = backup(empty_bench)
    os.chown(empty_bench.folder / "owner", 5, 5)
    os.setxattr(empty_bench.folder / "attribute", "user.a", b"1")
    second = backup(empty_bench, first)
    assert second.read == [b"attribute", b"owner"]
    assert second.item(b"owner").facts["u"] == 5
    assert second.item(b"attribute").facts["x"] == {b"user.a": b"1"}


def test_an_attribute_that_vanishes_leaves_the_others(
    empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_bench.folder / "d").mkdir()
    for name in ("user.a", "user.b", "user.c"):
        os.setxattr(empty_bench.folder / "d", name, b"1")
    real = os.getxattr

    def without_b(place: int | bytes, name: str, *, follow_symlinks: bool = True) -> bytes:
        if name == "user.b":
            raise OSError(errno.ENODATA, "No data available")
        return real(place, name, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "getxattr", without_b)
    assert backup(empty_bench).item(b"d").facts["x"] == {b"user.a": b"1", b"user.c": b"1"}


def test_on_a_file_system_whose_times_say_nothing_everything_is_read(
    empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_bench.folder / "f").write_bytes(b"x")
    first = backup(empty_bench)
    monkeypatch.setattr("safehold.connectors.files.mounts.may_trust_times", lambda root: False)
    assert backup(empty_bench, first).read == [b"f"]


@pytest.mark.parametrize(("kind", "read"), [("vfat", True), ("fuse.sshfs", True), ("tmpfs", False)])
def test_each_file_system_below_is_judged_on_its_own(
    empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch, kind: str, read: bool
) -> None:
    device = os.stat("/dev/shm").st_dev
    assert device != os.stat("/dev").st_dev
    with TemporaryDirectory(dir="/dev/shm") as name:
        (Path(name) / "f").write_bytes(b"x")
        empty_bench.set(path="/dev", include=[name.removeprefix("/dev") + "/**"], one_file_system=False)
        monkeypatch.setattr(mounts, "_kind_of", lambda of: kind if of == device else "devtmpfs")
        first = backup(empty_bench)
        assert (len(first.read), len(backup(empty_bench, first).read)) == (1, int(read))


@pytest.mark.parametrize(("drawn", "read"), [(0.0, 100), (0.5, 50), (0.999999, 5)])
def test_a_share_of_the_unchanged_files_is_read_again(
    empty_bench: FilesBench, drawn: float, read: int
) -> None:
    for number in range(100):
        (empty_bench.folder / str(number)).write_bytes(b"x")
    first = backup(empty_bench)
    empty_bench.connector = FilesConnector(draw=lambda: drawn, reread_rate=0.5)
    assert len(backup(empty_bench, first).read) == read


def test_a_hard_link_group_is_kept_under_its_first_path(empty_bench: FilesBench) -> None:
    folder = empty_bench.folder
    (folder / "b").write_bytes(b"x")
    os.link(folder / "b", folder / "c")
    first = backup(empty_bench)
    assert first.item(b"c").kind == ItemKind.HARDLINK
    assert first.item(b"c").facts == {"link_to": b"b"}
    assert backup(empty_bench, first).item(b"c") is first.item(b"c")
    os.link(folder / "b", folder / "a")
    second = backup(empty_bench, first)
    assert [second.item(name).kind for name in (b"a", b"b", b"c")] == [1, 4, 4]
    os.unlink(folder / "a")
    third = backup(empty_bench, second)
    assert third.data == {b"b": b"x"}
    assert third.item(b"c").facts == {"link_to": b"b"}


# --- what moves while it is taken


def test_what_vanishes_or_turns_into_something_else_is_told(empty_bench: FilesBench) -> None:
    folder = empty_bench.folder
    for name in ("gone", "gone-large", "to-link", "to-fifo", "to-folder", "stays"):
        (folder / name).write_bytes(b"x" * (2 << 20 if "large" in name else 1))
    (folder / "sub").mkdir()
    with capture(empty_bench) as taken:
        listings = taken.listings()
        items = next(listings).items
        for name in ("gone", "gone-large", "to-link", "to-fifo", "to-folder"):
            (folder / name).unlink()
        (folder / "sub").rmdir()
        (folder / "to-link").symlink_to("/etc/passwd")
        os.mkfifo(folder / "to-fifo")
        (folder / "to-folder").mkdir()
        got = {
            item.name: taken.open(b"", item) if item.size_bytes > 1 else read_one(taken, b"", item)
            for item in items
            if item.kind == ItemKind.FILE
        }
        assert [listing.items for listing in listings] == [[]]
    assert [name for name, found in got.items() if found is not None] == [b"stays"]
    told = dict(empty_bench.skipped)
    # The compiled part lists folders ahead: it has seen that `sub` was empty while that was there.
    assert isinstance(empty_bench.connector, FilesConnector)
    is_ahead = empty_bench.connector._load_kernel() is not None
    assert set(told) == {b"gone", b"gone-large", b"to-link", b"to-fifo", b"to-folder"} | (
        set() if is_ahead else {b"sub"}
    )
    assert "vanished" in told[b"gone"]
    assert is_ahead or "vanished" in told[b"sub"]
    assert "became something else" in told[b"to-link"]
    assert "became something else" in told[b"to-fifo"]


def test_when_the_first_of_a_hard_link_group_is_lost_that_is_told_of_the_others(
    empty_bench: FilesBench,
) -> None:
    (empty_bench.folder / "a").write_bytes(b"x")
    os.link(empty_bench.folder / "a", empty_bench.folder / "b")
    with capture(empty_bench) as taken:
        items = next(iter(taken.listings())).items
        (empty_bench.folder / "a").unlink()
        assert read_one(taken, b"", items[0]) is None
    assert "hard links to it have no content" in dict(empty_bench.skipped)[b"a"]


def test_a_file_that_changed_since_it_was_listed_is_taken_as_it_is_when_read(empty_bench: FilesBench) -> None:
    file = empty_bench.folder / "f"
    file.write_bytes(b"old")
    with capture(empty_bench) as taken:
        listing = next(iter(taken.listings()))
        file.write_bytes(b"longer than before")
        file.chmod(0o600)
        got = read_one(taken, b"", file_of(listing, b"f"))
    assert got is not None
    assert got[0] == b"longer than before"
    assert got[1].size_bytes == 18
    assert got[1].facts["m"] == 0o600
    assert empty_bench.skipped == []


def test_a_file_that_never_rests_is_kept_and_told(
    empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = empty_bench.folder / "f"
    file.write_bytes(b"0")
    read = os.read

    def read_while_it_grows(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        with open(file, "ab") as growing:
            growing.write(b"+")
        return data

    with capture(empty_bench) as taken:
        item = file_of(next(iter(taken.listings())), b"f")
        file.write_bytes(b"0.")
        monkeypatch.setattr(os, "read", read_while_it_grows)
        got = read_one(taken, b"", item)
        monkeypatch.undo()
    assert got is not None
    assert got[0].startswith(b"0.+")
    assert got[1].size_bytes == len(got[0])
    assert [path for path, why in empty_bench.skipped if "changed while" in why] == [b"f"]


def test_a_large_file_that_changes_while_it_is_read_is_told_and_ends_where_it_ended(
    empty_bench: FilesBench,
) -> None:
    file = empty_bench.folder / "log"
    size = READ_BYTES + 1000
    file.write_bytes(b"x" * size)
    with capture(empty_bench) as taken:
        opened = taken.open(b"", file_of(next(iter(taken.listings())), b"log"))
        assert opened is not None
        blocks = blocks_of(opened[0])
        length = len(next(blocks))
        with open(file, "ab") as log:
            log.write(b"more")
        length += sum(len(block) for block in blocks)
        opened[0].close()
    assert length == size
    assert "changed while" in dict(empty_bench.skipped)[b"log"]


def test_a_large_file_that_is_cut_short_while_read_is_told(empty_bench: FilesBench) -> None:
    file = empty_bench.folder / "log"
    file.write_bytes(b"x" * (2 * READ_BYTES))
    with capture(empty_bench) as taken:
        opened = taken.open(b"", file_of(next(iter(taken.listings())), b"log"))
        assert opened is not None
        blocks = blocks_of(opened[0])
        next(blocks)
        os.truncate(file, READ_BYTES)
        assert list(blocks) == []
        opened[0].close()
    assert "changed while" in dict(empty_bench.skipped)[b"log"]


def test_holes_are_not_read(empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch) -> None:
    file = empty_bench.folder / "disk"
    with open(file, "wb") as disk:
        disk.truncate(1 << 30)
        disk.seek(500 << 20)
        disk.write(b"island")
    read = []
    preadv = os.preadv

    def counting(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        read.append(preadv(descriptor, buffers, offset))
        return read[-1]

    monkeypatch.setattr(os, "preadv", counting)
    total, others = 0, b""
    with capture(empty_bench) as taken:
        opened = taken.open(b"", file_of(next(iter(taken.listings())), b"disk"))
        assert opened is not None
        for block in blocks_of(opened[0]):
            total += len(block)
            others += bytes(block).strip(b"\0") if len(block) < READ_BYTES else b""
        opened[0].close()
    assert total == 1 << 30
    assert others == b"island"
    assert sum(read) < 1 << 20


def test_what_may_not_be_read_is_told_and_the_rest_is_taken(
    empty_bench: FilesBench, anyones_folder: Path
) -> None:
    folder = anyones_folder
    empty_bench.set(path=str(folder))
    (folder / "open").write_bytes(b"x")
    (folder / "closed").write_bytes(b"x")
    (folder / "closed").chmod(0)
    (folder / "room").mkdir(mode=0o700)
    (folder / "room" / "x").touch()
    with as_user(65534):
        point = backup(empty_bench)
    assert only(point) == [b"open", b"room"]
    told = dict(empty_bench.skipped)
    assert told[b"closed"] == "could not be read: Permission denied"
    assert "Permission denied" in told[b"room"]


def test_a_tree_that_is_taken_away_while_it_is_walked_fails_the_capture(empty_bench: FilesBench) -> None:
    (empty_bench.folder / "f").touch()
    with capture(empty_bench) as taken:
        listings = taken.listings()
        next(listings)
        empty_bench.take_away()
        with pytest.raises(SourceMissing):
            next(listings)
        empty_bench.folder.mkdir()


def test_a_tree_that_is_replaced_while_it_is_walked_fails_the_capture(empty_bench: FilesBench) -> None:
    with capture(empty_bench) as taken:
        listings = taken.listings()
        next(listings)
        empty_bench.take_away()
        empty_bench.folder.mkdir()
        with pytest.raises(SourceMissing, match="replaced"):
            next(listings)


# --- what is not mounted


def test_a_folder_that_is_empty_now_and_was_not_is_told(empty_bench: FilesBench) -> None:
    first = backup(empty_bench)
    assert backup(empty_bench, first).paths() == []
    assert empty_bench.skipped == []
    (empty_bench.folder / "f").write_bytes(b"x")
    second = backup(empty_bench, first)
    (empty_bench.folder / "f").unlink()
    backup(empty_bench, second)
    ((path, why),) = empty_bench.skipped
    assert path == b""
    assert "is empty, held 1 items" in why
    assert "mounted" in why


def test_a_folder_on_another_file_system_than_before_is_told(empty_bench: FilesBench) -> None:
    first = backup(empty_bench)
    with TemporaryDirectory(dir="/dev/shm") as name:
        (Path(name) / "f").write_bytes(b"x")
        assert os.stat(name).st_dev != first.top.facts["v"]
        empty_bench.folder.rmdir()
        empty_bench.folder.symlink_to(name)
        second = backup(empty_bench, first)
        ((path, why),) = empty_bench.skipped
        assert path == b""
        assert "on another file system" in why
        backup(empty_bench, second)
        assert len(empty_bench.skipped) == 1


def test_a_new_device_number_of_the_same_folder_is_no_trouble_and_is_kept(empty_bench: FilesBench) -> None:
    first = backup(empty_bench)
    here = first.top.facts["v"]
    for before in ({"v": 1}, {}):  # mounted anew; taken before device numbers were kept
        facts = {**{k: v for k, v in first.top.facts.items() if k != "v"}, **before}
        earlier = replace_facts(first, facts)
        assert backup(empty_bench, earlier).top.facts["v"] == here
    assert empty_bench.skipped == []


# --- large and many


def test_a_mount_point_is_kept_empty_and_told(empty_bench: FilesBench) -> None:
    # Below /dev there is always another file system; the folder itself is one of its own.
    devices = Path("/dev")
    inner = next(p for p in devices.iterdir() if p.is_dir() and p.lstat().st_dev != devices.stat().st_dev)
    empty_bench.set(path="/dev", include=[f"/{inner.name}/**"])
    point = backup(empty_bench)
    assert only(point) == [os.fsencode(inner.name)]
    assert "mount point" in dict(empty_bench.skipped)[os.fsencode(inner.name)]


def test_several_threads_may_read_while_the_tree_is_walked(empty_bench: FilesBench) -> None:
    for number in range(60):
        (empty_bench.folder / f"d{number}").mkdir()
        for other in range(5):
            (empty_bench.folder / f"d{number}" / str(other)).write_text(f"{number}/{other}")
    found: list[bytes] = []

    def read(listing: Listing) -> None:
        for item in listing.items:
            got = read_one(taken, listing.path, item)
            found.append(got[0] if got else b"lost")

    with capture(empty_bench) as taken:
        readers = [
            threading.Thread(target=read, args=(listing,)) for listing in taken.listings() if listing.path
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    assert sorted(found) == sorted(f"{n}/{o}".encode() for n in range(60) for o in range(5))


def test_a_capture_lets_go_of_every_descriptor(bench: FilesBench) -> None:
    before = len(os.listdir("/proc/self/fd"))
    backup(bench)
    with capture(bench) as taken:
        next(iter(taken.listings()))
    assert len(os.listdir("/proc/self/fd")) == before


def test_memory_for_a_large_file_does_not_grow_with_it(empty_bench: FilesBench) -> None:
    with open(empty_bench.folder / "large", "wb") as file:
        for _ in range(16):
            file.write(b"x" * READ_BYTES)
    with capture(empty_bench) as taken:
        opened = taken.open(b"", file_of(next(iter(taken.listings())), b"large"))
        assert opened is not None
        tracemalloc.start()
        try:
            for _ in blocks_of(opened[0]):
                pass
            assert tracemalloc.get_traced_memory()[1] < 2 * READ_BYTES
        finally:
            tracemalloc.stop()
            opened[0].close()


def test_access_times_are_left_alone(empty_bench: FilesBench) -> None:
    file = empty_bench.folder / "f"
    file.write_bytes(b"x")
    os.utime(file, ns=(1, 1))
    backup(empty_bench)
    assert file.stat().st_atime_ns == 1


def test_the_root_is_an_item_of_its_own(empty_bench: FilesBench) -> None:
    empty_bench.folder.chmod(0o1751)
    os.setxattr(empty_bench.folder, "user.root", b"1")
    first = backup(empty_bench)
    assert first.top.name == b""
    assert first.top.facts["m"] == 0o1751
    assert first.top.facts["x"] == {b"user.root": b"1"}
    assert backup(empty_bench, first).top is first.top


def test_a_source_reached_through_a_link_is_taken(empty_bench: FilesBench) -> None:
    (empty_bench.folder / "f").touch()
    link = empty_bench.folder.with_name("link")
    link.symlink_to(empty_bench.folder)
    empty_bench.set(path=str(link))
    assert only(backup(empty_bench)) == [b"f"]


def test_kinds_are_told_apart(bench: FilesBench) -> None:
    point = backup(bench)
    kinds = {point.item(path).kind for path in point.paths()}
    assert kinds == {1, 2, 3, 4, 5, 6, 7, 8}
    assert stat.S_ISSOCK((bench.folder / "socket").lstat().st_mode)


def test_the_compiled_part_looks_and_reads_as_python_does(empty_bench: FilesBench) -> None:
    everything(empty_bench.folder)
    for number in range(2000):  # more names than the system gives at once
        (empty_bench.folder / f"{number:0>100}").touch()
    compiled = kernel.load()
    assert compiled is not None, "the compiled part was not built; tools/setup does it"
    folder = os.open(empty_bench.folder, os.O_RDONLY)
    try:
        for _ in range(2):
            assert compiled.list(folder) == look_at_plainly(folder)
    finally:
        os.close(folder)


def test_the_compiled_part_says_why_a_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    compiled = kernel.load()
    assert compiled is not None
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    assert compiled.list(descriptor) == (errno.ENOTDIR, [], [])
    os.close(descriptor)
    assert compiled.list(descriptor) == (errno.EBADF, [], [])


def test_a_folder_that_the_compiled_part_has_no_memory_for_is_looked_at_plainly(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").mkdir()

    class Short(kernel.Kernel):
        def __init__(self) -> None:
            pass

        def list(self, folder: int) -> tuple[int, list[bytes], list[Seen]]:
            return errno.ENOMEM, [], []

    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        error, names, seen = looking(Short())(folder)
    finally:
        os.close(folder)
    assert (error, names, [each.error for each in seen]) == (0, [b"a", b"b"], [0, 0])


def test_a_batch_over_many_deep_folders_reads_each_file_from_its_own(empty_bench: FilesBench) -> None:
    for number in range(150):
        deep = empty_bench.folder / str(number) / "a" / "b" / "c"
        deep.mkdir(parents=True)
        (deep / "f").write_text(f"file {number}")
    with capture(empty_bench) as taken:
        batch = [(listing.path, item) for listing in taken.listings() for item in listing.items]
        batch = [(path, item) for path, item in batch if item.kind == ItemKind.FILE]
        (empty_bench.folder / "7/a/b/c/f").unlink()
        got = taken.read_whole(batch)
    expected = [f"file {path.split(b'/')[0].decode()}".encode() for path, _ in batch]
    assert [found and found[0] for found in got] == [None if data == b"file 7" else data for data in expected]
