"""A source over a real folder, and places beside it to restore to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from safehold.connectors.contract import Connector, SourceSpec
from safehold.connectors.files import kernel
from safehold.connectors.files.connector import FilesConnector
from safehold.connectors.files.kernel import Kernel
from tests.connectors.files.trees import everything
from tests.fixtures.run import run_folder
from tools.treecmp import differences, snapshot

NEEDS_ROOT = "empty_bench"  # a test with this fixture makes owners, devices and trusted attributes
HALF = 0.5  # every number drawn: far from the thousandth that has a file read again


@dataclass
class FilesBench:
    """Implements tests.connectors.contract.Bench."""

    folder: Path
    places: Path
    connector: Connector
    source: SourceSpec
    skipped: list[tuple[bytes, str]] = field(default_factory=list)

    def set(self, **settings: object) -> None:
        """Declare the source anew, with these settings besides those it has."""
        self.source = replace(self.source, settings={**self.source.settings, **settings})

    def new_place(self) -> dict[str, str]:
        return {"newFileSystem": "true", "CreationToken": "again"}

    def forbidden_places(self) -> list[dict[str, str]]:
        return [
            {"targetPath": str(self.places.parent / "elsewhere")},
            {"targetPath": str(self.places / ".." / "elsewhere")},
            {"targetPath": str(self.places) + "-beside"},
            {"targetPath": "relative"},
            {"targetPath": "/"},
            {"newFileSystem": "true", "CreationToken": "../elsewhere"},
            {"newFileSystem": "TRUE", "creationtoken": ".."},
            {"file-system-id": "fs-00000000000000000"},
            {},  # into the source's own folder, which no writable root covers
        ]

    def differences(self, metadata: dict[str, str]) -> list[str]:
        return differences(snapshot(self.folder), snapshot(self.places / metadata["CreationToken"]))

    def change_one(self) -> bytes:
        (self.folder / "owned").write_bytes(b"BY OTHERS")
        return b"owned"

    def state_of_places(self) -> object:
        return snapshot(self.places.parent)

    def take_away(self) -> None:
        self.folder.rename(self.folder.with_name("gone"))


@pytest.fixture(params=["compiled", "plain"])
def empty_bench(tmp_path: Path, request: pytest.FixtureRequest) -> FilesBench:
    """A source over an empty folder; with the compiled library, and without it."""
    return files_bench(tmp_path, kernel.load if request.param == "compiled" else lambda: None)


def files_bench(tmp_path: Path, load_kernel: Callable[[], Kernel | None]) -> FilesBench:
    folder, places = tmp_path / "tree", tmp_path / "places"
    folder.mkdir()
    places.mkdir()
    settings = {"path": str(folder), "writable_roots": [str(places)]}
    source = SourceSpec("source-1", "tree", "files", "EFS", "111122223333", "us-east-1", settings)
    return FilesBench(folder, places, FilesConnector(draw=lambda: HALF, load_kernel=load_kernel), source)


@pytest.fixture
def bench(empty_bench: FilesBench) -> FilesBench:
    """A source over a folder with one of everything."""
    everything(empty_bench.folder)
    return empty_bench


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without root, tests that need it are left out by name; with CI=true they stay and fail."""
    if os.geteuid() == 0 or os.environ.get("CI") == "true":
        return
    left_out = [item for item in items if NEEDS_ROOT in getattr(item, "fixturenames", ())]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        with open(run_folder() / "left-out", "a", encoding="utf-8") as names:
            names.writelines(f"{item.nodeid} (needs root)\n" for item in left_out)
