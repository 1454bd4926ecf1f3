"""A reader that knows the documents alone reads vaults: the one written today, and the frozen samples."""

from __future__ import annotations

import ast
import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safehold.connectors.contract import SourceSpec
from safehold.connectors.files.connector import FilesConnector
from safehold.core.secrets import RootKey, read_root_key
from safehold.domain.items import ItemKind, PreviousTree
from safehold.store.backends.local import LocalBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.formats.make_sample import SAMPLE_KEY, make_sample, told
from tests.store.vaults import VAULT_ID, Flat, Other, new_record, restore

READER = Path(__file__).with_name("read_vault.py")
SAMPLES = sorted((Path(__file__).parent / "samples").iterdir())


def run_reader(folder: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-I", READER, folder / "vault", folder / "root.key", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def on_disk(top: bytes, here: bytes = b"") -> Flat:
    """What a folder holds: names, kinds, bytes."""
    found: Flat = {}
    for entry in sorted(os.scandir(os.path.join(top, here)), key=lambda entry: entry.name):
        path = os.path.join(here, entry.name)
        if entry.is_symlink():
            found[path] = Other(ItemKind.SYMLINK, (("l", os.readlink(entry.path)),))
        elif entry.is_dir():
            found[path] = None
            found |= on_disk(top, path)
        else:
            found[path] = Path(os.fsdecode(entry.path)).read_bytes()
    return found


def as_manifest(found: Flat) -> dict[str, str]:
    return {ascii(path): told(what) for path, what in found.items()}


def without_hard_link(manifest: dict[str, str]) -> dict[str, str]:
    """A file system does not tell which of two names is the link."""
    return {
        path: manifest[ascii(b"folder/nested/file")] if what.startswith("HARDLINK") else what
        for path, what in manifest.items()
    }


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh") / "sample"
    make_sample(folder)
    return folder


@pytest.mark.parametrize("point", ["big", "combined"])
def test_the_reader_extracts_from_a_vault_that_was_just_written(
    fresh: Path, point: str, tmp_path: Path
) -> None:
    run_reader(fresh, point, tmp_path / "out")
    manifest = json.loads((fresh / "manifest.json").read_text())[point]
    assert as_manifest(on_disk(os.fsencode(tmp_path / "out"))) == without_hard_link(manifest)


def test_the_reader_extracts_what_the_files_connector_took_from_a_real_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a/deep/er").mkdir(parents=True)
    (folder / "z").write_bytes(b"the first of three names: its folder is listed first")
    os.link(folder / "z", folder / "a/y")
    os.link(folder / "z", folder / "a/deep/x")
    (folder / "a/deep/large").write_bytes(random.Random(1).randbytes(3 << 20))
    (folder / "a/link").symlink_to("../z")
    with open(folder / "sparse", "wb") as sparse:
        sparse.truncate(20 << 20)
    (tmp_path / "root.key").write_text(SAMPLE_KEY.hex() + "\n")
    provider = KeyFile(RootKey(SAMPLE_KEY))
    store = VaultStore.for_writing(LocalBackend.create(tmp_path / "vault"), provider, VAULT_ID)
    source = SourceSpec("s", "tree", "files", "EFS", "123456789012", "us-east-1", {"path": str(folder)})
    connector, nothing = FilesConnector(draw=lambda: 0.5), PreviousTree()
    arn = connector.discover(source)[0].arn
    told: list[tuple[bytes, str]] = []
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with (
        connector.capture(source, arn, nothing, now=now, skip=lambda *what: told.append(what)) as capture,
        store.session() as session,
    ):
        root = store.take_in(session, capture, nothing, advance=lambda items, size: None)
        session.finish(new_record("p", root, session.stats))
    run_reader(tmp_path, "p", tmp_path / "out")
    assert told == []
    assert on_disk(os.fsencode(tmp_path / "out")) == on_disk(os.fsencode(folder))
    assert (tmp_path / "out/a/deep/x").samefile(tmp_path / "out/z")
    assert (tmp_path / "out/sparse").stat().st_blocks == 0


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_reader_lists_and_extracts_every_point_of_a_frozen_sample(sample: Path, tmp_path: Path) -> None:
    manifest = json.loads((sample / "manifest.json").read_text())
    listed = [line.split("\t") for line in run_reader(sample).splitlines()]
    assert [(line[0], line[3]) for line in listed] == [("big", "lifecycle,tags"), ("combined", "")]
    for point, expected in manifest.items():
        run_reader(sample, point, tmp_path / point)
        assert as_manifest(on_disk(os.fsencode(tmp_path / point))) == without_hard_link(expected)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_todays_code_restores_every_point_of_a_frozen_sample(sample: Path) -> None:
    provider = KeyFile(read_root_key(sample / "root.key"))
    store = VaultStore.for_reading(LocalBackend(sample / "vault"), provider, VAULT_ID)
    assert verify(store, read_data=True).problems == []
    for point, expected in json.loads((sample / "manifest.json").read_text()).items():
        assert as_manifest(restore(store, point)) == expected
    assert [amendment.kind for amendment in store.amendments("big")] == ["lifecycle", "tags"]


def test_the_frozen_sample_covers_every_form_of_the_first_version() -> None:
    sample = Path(__file__).parent / "samples/v1"
    store = VaultStore.for_reading(LocalBackend(sample / "vault"), KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    folders = {info.name.split("/")[0] for info in store.backend.list("")}
    assert folders == {"keys", "packs", "trees", "points", "amendments", "index"}
    items = store.tree(store.point("big")).listing(b"")
    contents = {name: item.content or b"" for name, item in items.items()}
    assert contents[b"paged"][0] == 2  # a list of pages of lists
    assert contents[b"multi-chunk"][0] == 1  # a list
    assert len(contents[b"small"]) == 32  # one chunk
    assert store.chunks().read(contents[b"many"])[1] > 0  # an inner page
    assert [len(store.object(f"points/{point}").directory.frames) for point in ("big", "combined")] == [1, 3]
    assert sum(info.size_bytes for info in store.backend.list("")) < 200_000


def test_the_reader_is_short_and_does_not_import_what_it_checks() -> None:
    text = READER.read_text()
    assert len(text.splitlines()) <= 150
    nodes = list(ast.walk(ast.parse(text)))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name.startswith("safehold")]
