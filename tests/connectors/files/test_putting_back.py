"""Where a restore goes, what it replaces, and that it never leaves its folder."""

from __future__ import annotations

import errno
import os
import stat
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.connectors.contract import Restore, SourceSpec
from safehold.connectors.files import flushing, restoring
from safehold.connectors.files.connector import FilesConnector
from safehold.connectors.files.flushing import FLUSH_BYTES, Flushing
from safehold.core.errors import RestoreError, SourceDenied
from safehold.domain.items import Fact, Facts, Item, ItemKind
from tests.connectors.contract import LATER, backup, found, request, restore
from tests.connectors.files.conftest import HALF, FilesBench
from tests.connectors.files.trees import ACL
from tests.connectors.memory_point import put_back
from tools.treecmp import differences, snapshot

FACTS: Facts = {"m": 0o644, "u": 0, "g": 0, "t": 10**18}


def file(name: bytes, size: int = 1, **facts: int) -> Item:
    return Item(name, ItemKind.FILE, size, {**FACTS, **facts}, b"here")


def folder(name: bytes) -> Item:
    return Item(name, ItemKind.DIRECTORY, 0, {**FACTS, "m": 0o755})


def refused(*_: object) -> int:
    raise PermissionError(errno.EACCES, "Permission denied")


@contextmanager
def into(bench: FilesBench, path: Path, *, job_id: str = "job-1") -> Iterator[Restore]:
    with restore(bench, request(bench, {"targetPath": str(path)}, job_id=job_id)) as target:
        yield target


# --- where it goes


def test_a_new_file_system_is_named_after_its_token_or_its_job(empty_bench: FilesBench) -> None:
    arns = []
    for metadata in ({"newFileSystem": "true", "CreationToken": "mine"}, {"NEWFILESYSTEM": "True"}):
        with restore(empty_bench, request(empty_bench, metadata, job_id="job-7")) as target:
            arns.append(target.finish())
    assert sorted(p.name for p in empty_bench.places.iterdir() if p.is_dir()) == ["mine", "restore-job-7"]
    assert len({*arns, found(empty_bench).arn}) == 3


def test_a_token_taken_by_another_job_is_refused(empty_bench: FilesBench) -> None:
    for job_id in ("job-1", "job-1"):
        with restore(empty_bench, request(empty_bench, empty_bench.new_place(), job_id=job_id)):
            pass
    with (
        pytest.raises(RestoreError, match="again is there already"),
        restore(empty_bench, request(empty_bench, empty_bench.new_place(), job_id="job-2")),
    ):
        pass


def test_a_token_that_names_what_is_there_already_is_refused(empty_bench: FilesBench) -> None:
    (empty_bench.places / "again").mkdir()
    for _ in range(2):
        with (
            pytest.raises(RestoreError, match="is there already"),
            restore(empty_bench, request(empty_bench, empty_bench.new_place())),
        ):
            pass


def test_a_restore_into_the_source_gets_a_folder_there_and_the_same_when_run_again(
    empty_bench: FilesBench,
) -> None:
    (empty_bench.folder / "f").write_bytes(b"x")
    empty_bench.set(writable_roots=[str(empty_bench.folder)])
    point = backup(empty_bench)
    for later in (0, 90):
        asked = request(empty_bench, {"file-system-id": found(empty_bench).facts["file_system_id"]})
        asked = replace(asked, now=LATER + timedelta(seconds=later))
        empty_bench.connector.check_restore(empty_bench.source, asked)
        with restore(empty_bench, asked) as target:
            assert put_back(point, target) == found(empty_bench).arn
    (made,) = empty_bench.folder.glob("aws-backup-restore_*")
    assert made.name == f"aws-backup-restore_{LATER:%Y-%m-%dT%H-%M-%SZ}_job-1"
    assert (made / "f").read_bytes() == b"x"
    with restore(empty_bench, request(empty_bench, {}, job_id="job-2")):
        pass
    assert len(list(empty_bench.folder.glob("aws-backup-restore_*"))) == 2


def test_its_own_restore_metadata_restores_into_the_source(empty_bench: FilesBench) -> None:
    empty_bench.set(writable_roots=[str(empty_bench.folder.parent)])
    metadata = empty_bench.connector.restore_metadata(empty_bench.source, found(empty_bench))
    with restore(empty_bench, request(empty_bench, metadata)) as target:
        target.finish()
    assert len(list(empty_bench.folder.iterdir())) == 1


def test_without_writable_roots_nothing_can_be_restored_and_the_hint_says_what_to_do(
    empty_bench: FilesBench,
) -> None:
    empty_bench.set(writable_roots=[])
    for metadata in ({}, {"newFileSystem": "true"}, {"targetPath": str(empty_bench.places)}):
        with pytest.raises(SourceDenied, match="no writable root") as denied:
            empty_bench.connector.check_restore(empty_bench.source, request(empty_bench, metadata))
        assert "writable_roots" in denied.value.hint


def test_a_writable_root_that_is_not_there_is_refused_before_anything_is_done(
    empty_bench: FilesBench,
) -> None:
    empty_bench.set(writable_roots=[str(empty_bench.places / "missing")])
    with pytest.raises(SourceDenied, match="is not a folder"):
        empty_bench.connector.check_restore(
            empty_bench.source, request(empty_bench, {"newFileSystem": "true"})
        )


def test_a_link_on_the_way_to_the_target_is_not_followed(empty_bench: FilesBench) -> None:
    outside = empty_bench.folder.parent / "outside"
    outside.mkdir()
    (empty_bench.places / "link").symlink_to(outside)
    for path in ("link", "link/deeper"):
        with (
            pytest.raises(SourceDenied, match="cannot write to"),
            into(empty_bench, empty_bench.places / path),
        ):
            pass
    assert list(outside.iterdir()) == []


def test_one_item_comes_back_with_the_folders_it_lies_in(bench: FilesBench) -> None:
    point = backup(bench)
    with restore(bench, request(bench, bench.new_place())) as target:
        put_back(point, target, [b"a.b/x", b"sealed"])
    after = snapshot(bench.places / "again")
    assert sorted(after) == [b"", b"a.b", b"a.b/x", b"sealed", b"sealed/inside"]
    assert differences({p: e for p, e in snapshot(bench.folder).items() if p in after}, after) == []


def test_an_item_whose_folders_are_not_given_gets_plain_ones(empty_bench: FilesBench) -> None:
    with into(empty_bench, empty_bench.places / "new") as target:
        target.write_whole([(b"x/y/z", file(b"z"), b"1")])
        target.finish()
    assert (empty_bench.places / "new/x/y/z").read_bytes() == b"1"


def test_a_hard_link_whose_file_is_not_restored_is_told_and_never_tied_to_another(
    empty_bench: FilesBench,
) -> None:
    (empty_bench.places / "first").write_bytes(b"not from the backup")
    with into(empty_bench, empty_bench.places) as target:
        target.make(b"second", Item(b"second", ItemKind.HARDLINK, 0, {"link_to": b"first"}))
        target.finish()
    assert not (empty_bench.places / "second").exists()
    assert "hard link" in dict(empty_bench.skipped)[b"second"]


# --- what is there already


def test_what_is_there_is_replaced_at_once_and_what_is_not_in_the_point_stays(bench: FilesBench) -> None:
    point = backup(bench)
    place = bench.places / "old"
    place.mkdir()
    (place / "small").write_bytes(b"old and longer than the new one")
    (place / "empty").symlink_to("/etc/passwd")
    (place / "dangling").write_bytes(b"a file where a link comes")
    (place / "names").symlink_to("/")
    (place / "void").write_bytes(b"a file where a folder comes")
    (place / "extra").write_bytes(b"stays")
    os.setxattr(place, "system.posix_acl_default", ACL)
    before = place.stat()
    with open(place / "small", "rb") as held:
        with into(bench, place) as target:
            put_back(point, target)
        assert held.read() == b"old and longer than the new one"
    assert bench.skipped == []
    os.removexattr(place, "system.posix_acl_default")
    was, now = snapshot(bench.folder), snapshot(place)
    assert now.pop(b"extra").size_bytes == 5
    assert was.pop(b"") != now.pop(b"")
    assert differences(was, now) == []
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(before.st_mode)


def test_a_folder_in_the_way_of_a_file_is_told_and_kept(empty_bench: FilesBench) -> None:
    (empty_bench.places / "f" / "precious").mkdir(parents=True)
    (empty_bench.places / "g").mkdir()
    with into(empty_bench, empty_bench.places) as target:
        target.write_whole([(b"f", file(b"f"), b"1")])
        writer = target.open(b"g", file(b"g", 10))
        writer.write_at(0, b"0123456789")
        writer.finish()
        target.finish()
    assert sorted(p.name for p in empty_bench.places.rglob("*")) == ["f", "g", "precious"]
    assert set(dict(empty_bench.skipped)) == {b"f", b"g"}
    assert "a folder of that name is in the way" in dict(empty_bench.skipped)[b"f"]


def test_a_large_file_shows_only_when_it_is_whole(empty_bench: FilesBench) -> None:
    place = empty_bench.places / "new"
    with into(empty_bench, place) as target:
        good, bad, left = (target.open(name, file(name, 3 << 20)) for name in (b"good", b"bad", b"left"))
        for writer in (good, bad, left):
            writer.write_at(1 << 20, b"middle")
        assert not (place / "good").exists()
        good.finish()
        bad.abandon()
        bad.abandon()
        bad.write_at(0, b"too late")
    assert [p.name for p in place.iterdir()] == ["good"]
    assert (place / "good").read_bytes() == bytes(1 << 20) + b"middle" + bytes((2 << 20) - 6)
    assert (place / "good").stat().st_blocks * 512 < 1 << 20


def test_thousands_of_large_files_may_be_in_the_making_at_once(empty_bench: FilesBench) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with into(empty_bench, empty_bench.places / "new") as target:
        writers = [target.open(b"%d" % n, file(b"f", 2 << 20)) for n in range(200)]
        for number, writer in enumerate(writers):
            writer.write_at(0, b"%d" % number)
        assert len(os.listdir("/proc/self/fd")) <= before + 2
        for writer in writers:
            writer.finish()
    assert (empty_bench.places / "new/77").read_bytes()[:3] == b"77\0"
    assert len(list((empty_bench.places / "new").iterdir())) == 200


def test_another_file_put_in_place_of_one_in_the_making_is_not_written_to(empty_bench: FilesBench) -> None:
    precious = empty_bench.places / "precious"
    precious.write_bytes(b"precious")
    place = empty_bench.places / "new"
    with into(empty_bench, place) as target:
        writers = [target.open(name, file(name, 2 << 20)) for name in (b"f", b"g")]
        for path in list(place.iterdir()):
            path.unlink()
            os.link(precious, path)
        writers[0].write_at(0, b"1")
        writers[1].finish()
        target.finish()
    assert precious.read_bytes() == b"precious"
    assert {path for path, _ in empty_bench.skipped} == {b"f", b"g"}


@pytest.mark.parametrize("is_large", [True, False])
def test_a_hard_link_is_not_made_to_an_old_file_that_stands_where_the_new_one_failed(
    empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    place = empty_bench.places / "old"
    for name in ("a/x", "b/x"):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_bytes(name.encode())
    with into(empty_bench, place) as target:
        first = file(b"x", 2 << 20 if is_large else 1, n=2)
        if is_large:
            writer = target.open(b"a/x", first)
            writer.write_at(0, b"1")
            writer.abandon()
        else:
            monkeypatch.setattr(restoring, "open_new", refused)
            target.write_whole([(b"a/x", first, b"1")])
            monkeypatch.undo()
        target.make(b"b/x", Item(b"x", ItemKind.HARDLINK, 0, {"link_to": b"a/x"}))
        target.finish()
    assert (place / "a/x").read_bytes() == b"a/x"
    assert (place / "b/x").read_bytes() == b"b/x"
    assert "which was not restored either" in dict(empty_bench.skipped)[b"b/x"]


def test_what_the_target_refuses_is_counted_once_and_the_files_among_it_apart(
    empty_bench: FilesBench,
) -> None:
    place = empty_bench.places / "old"
    for name in ("small", "large", "fifo"):
        (place / name / "in the way").mkdir(parents=True)
    with into(empty_bench, place) as target:
        target.make(b"d", folder(b"d"))
        target.write_whole([(b"d/fine", file(b"fine"), b"1")])
        assert (target.failed_items, target.failed_files) == (0, 0)
        target.write_whole([(b"small", file(b"small"), b"1")])
        large = target.open(b"large", file(b"large", 10))
        large.write_at(0, b"0123456789")
        large.finish()
        large.abandon()
        target.open(b"../out", file(b"out", 10)).finish()
        target.make(b"fifo", Item(b"fifo", ItemKind.FIFO, 0, FACTS))
        target.make(b"link", Item(b"link", ItemKind.HARDLINK, 0, {"link_to": b"small"}))
        target.finish()
        assert (target.failed_items, target.failed_files) == (5, 3)
    assert len(empty_bench.skipped) == 5


def test_a_full_target_ends_the_restore_with_a_clear_error(
    empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    place = empty_bench.places / "new"
    with into(empty_bench, place) as target:
        writer = target.open(b"large", file(b"large", 10))
        monkeypatch.setattr(os, "write", full)
        monkeypatch.setattr(os, "pwrite", full)
        tagged = Item(b"f", ItemKind.FILE, 1, {"x": {b"user.tag": b"1"}})  # not made outside of Python
        with pytest.raises(RestoreError, match="No space left") as failure:
            target.write_whole([(b"f", tagged, b"1")])
        with pytest.raises(RestoreError, match="No space left"):
            writer.write_at(0, b"1")
        monkeypatch.undo()
    assert "make room" in failure.value.hint
    assert list(place.iterdir()) == []


# --- never outside


ESCAPES = [
    b"../out", b"a/../../out", b"/etc/out", b"a//b", b"./out", b"a/.", b"a/..", b"..", b".", b"a/", b"nul\0x",
    b"../../../../../../../../tmp/out",
]  # fmt: skip


@pytest.mark.parametrize("path", ESCAPES)
def test_a_name_that_leads_away_is_refused_and_told(empty_bench: FilesBench, path: bytes) -> None:
    place = empty_bench.places / "new"
    before = snapshot(empty_bench.folder.parent)
    with into(empty_bench, place) as target:
        target.write_whole([(path, file(b"x"), b"1")])
        target.make(path, folder(b"x"))
        target.make(path, Item(b"x", ItemKind.SYMLINK, 0, {**FACTS, "l": b"/etc"}))
        target.make(path, Item(b"x", ItemKind.FIFO, 0, FACTS))
        writer = target.open(path, file(b"x", 2 << 20))
        writer.write_at(0, b"1")
        writer.finish()
        target.finish()
    assert len(empty_bench.skipped) == 5
    assert list(place.iterdir()) == []
    after = snapshot(empty_bench.folder.parent)
    assert set(after) - set(before) == {b"places/new"}


def test_a_hard_link_cannot_reach_outside(empty_bench: FilesBench) -> None:
    (empty_bench.folder.parent / "out").write_bytes(b"secret")
    with into(empty_bench, empty_bench.places / "new") as target:
        targets: list[Fact] = [b"../../out", b"/etc/passwd", b"", 5, None]
        for number, first in enumerate(targets):
            name = b"%d" % number
            target.make(name, Item(name, ItemKind.HARDLINK, 0, {"link_to": first}))
        target.finish()
    assert len(empty_bench.skipped) == 5
    assert list((empty_bench.places / "new").iterdir()) == []


def test_a_link_restored_from_the_point_is_not_written_through(empty_bench: FilesBench) -> None:
    outside = empty_bench.folder.parent / "outside"
    outside.mkdir()
    with into(empty_bench, empty_bench.places / "new") as target:
        target.make(b"a", Item(b"a", ItemKind.SYMLINK, 0, {**FACTS, "l": os.fsencode(outside)}))
        target.write_whole([(b"a/f", file(b"f"), b"1")])
        target.make(b"a/d", folder(b"d"))
        target.open(b"a/g", file(b"g", 5)).finish()
        target.finish()
    assert list(outside.iterdir()) == []
    assert {path for path, _ in empty_bench.skipped} == {b"a/f", b"a/d", b"a/g"}


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_link_swapped_in_while_restoring_is_not_followed(empty_bench: FilesBench, is_cached: bool) -> None:
    outside = empty_bench.folder.parent / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"precious")
    place = empty_bench.places / "new"
    with into(empty_bench, place) as target:
        target.make(b"a", folder(b"a"))
        if is_cached:
            target.write_whole([(b"a/first", file(b"first"), b"1")])
        (place / "a").rename(place / "moved")
        (place / "a").symlink_to(outside)
        target.write_whole([(b"a/f", file(b"f"), b"1")])
        target.write_whole([(b"a/g", file(b"g"), b"1")])
        target.finish()
    assert [p.name for p in outside.iterdir()] == ["f"]
    assert (outside / "f").read_bytes() == b"precious"
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


def test_a_link_in_place_of_a_file_is_replaced_not_followed(empty_bench: FilesBench) -> None:
    precious = empty_bench.folder.parent / "precious"
    precious.write_bytes(b"precious")
    precious.chmod(0o600)
    place = empty_bench.places / "old"
    place.mkdir()
    for name in ("f", "large", "fifo"):
        (place / name).symlink_to(precious)
    with into(empty_bench, place) as target:
        target.write_whole([(b"f", file(b"f"), b"1")])
        target.open(b"large", file(b"large", 2 << 20)).finish()
        target.make(b"fifo", Item(b"fifo", ItemKind.FIFO, 0, {**FACTS, "m": 0o666, "u": 5, "g": 5}))
        target.finish()
    assert precious.read_bytes() == b"precious"
    assert precious.stat().st_uid == 0
    assert stat.S_IMODE(precious.stat().st_mode) == 0o600
    assert not any(entry.is_symlink() for entry in place.iterdir())


# --- who may not do everything


def test_without_root_what_cannot_be_put_back_is_told_once_with_a_count(bench: FilesBench) -> None:
    point = backup(bench)
    with TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        bench.set(writable_roots=[name])
        asked = request(bench, {"targetPath": name + "/new"})
        os.seteuid(65534)
        try:
            with restore(bench, asked) as target:
                put_back(point, target)
        finally:
            os.seteuid(0)
        assert (Path(name) / "new/small").read_bytes() == b"small\n"
        assert stat.S_IMODE((Path(name) / "new/program").stat().st_mode) == 0o755
    told = [why for _, why in bench.skipped]
    (owners,) = [why for why in told if why.startswith("owner and group")]
    assert "more: the worker may not" in owners
    assert len([why for why in told if "Operation not permitted" in why]) == 2  # the devices
    assert len(told) < 10


def test_an_attribute_that_the_target_refuses_is_told(empty_bench: FilesBench) -> None:
    item = file(b"f")
    item.facts["x"] = {b"unknown.namespace": b"1", b"user.fine": b"2"}
    with into(empty_bench, empty_bench.places / "new") as target:
        target.write_whole([(b"f", item, b"1")])
        target.finish()
    assert os.getxattr(empty_bench.places / "new/f", "user.fine") == b"2"
    assert [why.split(" could")[0] for _, why in empty_bench.skipped] == ["the attribute unknown.namespace"]


def test_an_attribute_named_by_any_bytes_is_told_as_text(empty_bench: FilesBench) -> None:
    item = file(b"f")
    item.facts["x"] = {b"unknown.caf\xe9": b"1"}
    with into(empty_bench, empty_bench.places / "new") as target:
        target.write_whole([(b"f", item, b"1")])
        target.finish()
    ((_, why),) = empty_bench.skipped
    assert why.encode().startswith(b"the attribute unknown.caf\\xe9 could")


# --- any tree

NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda n: b"/" not in n and b"\0" not in n and n.strip(b".")
)
TREES = st.recursive(
    st.binary(max_size=40),
    lambda inner: st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(NAMES, TREES, max_size=6))
def test_any_tree_of_any_names_comes_back_as_it_was(
    tree: dict[bytes, object], empty_bench: FilesBench
) -> None:
    in_memory = "/dev/shm" if os.path.isdir("/dev/shm") else empty_bench.folder.parent
    with TemporaryDirectory(dir=in_memory) as name:
        bench = bench_in(Path(name))
        _build(os.fsencode(bench.folder), tree)
        point = backup(bench)
        with restore(bench, request(bench, bench.new_place())) as target:
            put_back(point, target)
        assert bench.skipped == []
        assert bench.differences(bench.new_place()) == []
        assert backup(bench, point).read == []


def bench_in(where: Path) -> FilesBench:
    (where / "tree").mkdir()
    (where / "places").mkdir()
    declared = {"path": str(where / "tree"), "writable_roots": [str(where / "places")]}
    source = SourceSpec("source-1", "tree", "files", "EFS", "111122223333", "us-east-1", declared)
    return FilesBench(where / "tree", where / "places", FilesConnector(draw=lambda: HALF), source)


def _build(where: bytes, tree: dict[bytes, object]) -> None:
    for name, inside in tree.items():
        path = where + b"/" + name
        if isinstance(inside, dict):
            os.mkdir(path)
            _build(path, inside)
        else:
            assert isinstance(inside, bytes)
            with open(path, "wb") as file:
                file.write(inside)
            os.utime(path, ns=(0, struct.unpack("<q", inside[:6].ljust(8, b"\0"))[0]))


def test_what_was_written_is_flushed_while_the_restore_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = threading.Event()
    monkeypatch.setattr(flushing, "_sync_file_system", lambda folder: flushed.set())
    at_work = Flushing(0)
    at_work.note(FLUSH_BYTES - 1)
    assert not flushed.is_set()
    at_work.note(1)
    assert flushed.wait(30)
    at_work.close()


def test_a_flush_that_failed_meanwhile_fails_the_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system tells of a lost write once: who asks again hears that all is well."""
    asked = []

    def sync(folder: int) -> None:
        asked.append(folder)
        if len(asked) == 1:
            raise RestoreError("the disk lost a write")

    monkeypatch.setattr(flushing, "_sync_file_system", sync)
    at_work = Flushing(0)
    for _ in range(3):
        at_work.note(FLUSH_BYTES)
    with pytest.raises(RestoreError, match="lost a write"):
        at_work.finish()
    at_work.close()
