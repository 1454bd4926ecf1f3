"""Open folders by path: few descriptors, any depth, never through a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from safehold.connectors.files.folders import HELD, Folders


def opened(path: Path, **options: bool) -> Folders:
    return Folders(os.open(path, os.O_RDONLY | os.O_DIRECTORY), **options)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_it_holds_few_descriptors_however_many_folders_there_are(tmp_path: Path) -> None:
    for number in range(3 * HELD):
        (tmp_path / str(number)).mkdir()
    before = descriptors()
    folders = opened(tmp_path)
    for _ in range(2):
        for number in range(3 * HELD):
            here = os.fstat(folders.descriptor(b"%d" % number))
            assert os.path.samestat(here, (tmp_path / str(number)).stat())
    assert descriptors() <= before + HELD + 1
    folders.close()
    folders.close()
    assert descriptors() == before


def test_it_reaches_folders_deeper_than_a_path_may_be_long_and_than_it_holds(tmp_path: Path) -> None:
    path = b"/".join([b"d" * 100] * 4 * HELD)
    folders = opened(tmp_path, makes_missing=True)
    deepest = os.fstat(folders.descriptor(path))
    assert os.path.samestat(os.fstat(folders.descriptor(b"d" * 100)), (tmp_path / ("d" * 100)).stat())
    assert os.path.samestat(os.fstat(folders.descriptor(path)), deepest)
    folders.close()


def test_a_missing_folder_is_made_only_when_asked_for(tmp_path: Path) -> None:
    folders = opened(tmp_path)
    with pytest.raises(FileNotFoundError):
        folders.descriptor(b"a/b")
    folders.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("makes_missing", [True, False])
def test_a_link_is_no_folder(tmp_path: Path, makes_missing: bool) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folders = opened(tmp_path, makes_missing=makes_missing)
    for path in (b"link", b"link/below"):
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            folders.descriptor(path)
    folders.close()
