"""`init` makes an installation once, and says what went wrong in two lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold import __version__
from safehold.cli.installation import opened
from safehold.core.config import DataFolder, Settings
from safehold.core.errors import DataFolderLocked
from safehold.records import sites
from safehold.records.access_keys import KeyLookup
from tests.cli.conftest import Run


def test_a_new_installation_has_a_key_a_vault_and_a_role(tmp_path: Path, run: Run) -> None:
    data = tmp_path / "new/data"
    made = run("init", "--data", data, "--region", "here-1", "--port", 9999, "--json")
    assert made.code == 0
    assert {"account_id", "region", "access_key_id", "secret_access_key"} <= set(made.json)
    assert (made.json["region"], made.json["endpoint_url"]) == ("here-1", "http://127.0.0.1:9999")
    settings = DataFolder(data).settings()
    assert (settings.region, settings.port) == ("here-1", 9999)
    assert settings.account_id == made.json["account_id"]
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "root.key").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def generous() -> Iterator[None]:
    """What is made without a thought may be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("generous")
def test_what_it_makes_is_its_owners_alone_in_a_folder_that_others_may_enter(
    tmp_path: Path, run: Run
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    assert run("init", "--data", data, "--catalog-url", "").code == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in data.rglob("*")}
    assert {"safehold.toml", "catalog.db", "root.key", "vaults", "cache"} <= set(modes)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert os.umask(0o022) == 0o022  # others in this process make what they like


def test_the_secret_stands_in_no_file(tmp_path: Path, run: Run) -> None:
    made = run("init", "--data", tmp_path, "--json").json
    assert all(
        made["secret_access_key"].encode() not in path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    )


def test_a_second_init_changes_nothing(data: Path, run: Run) -> None:
    before = {path: path.read_bytes() for path in data.iterdir() if path.is_file()}
    again = run("init")
    assert again.code == 2
    assert again.err.startswith(f"error: {data} holds an installation already\nhint: ")
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("left", [["root.key"], ["root.key", "catalog.db", "cache", "vaults"]])
def test_an_init_that_was_cut_off_is_ended_by_the_next(tmp_path: Path, run: Run, left: list[str]) -> None:
    data = tmp_path / "data"
    assert run("init", "--data", data).code == 0
    for path in data.iterdir():
        if path.name not in left:
            path.unlink() if path.is_file() else path.rmdir()
    key = (data / "root.key").read_bytes()
    made = run("init", "--data", data, "--json")
    assert made.code == 0, made.err
    assert (data / "root.key").read_bytes() == key
    assert DataFolder(data).settings().account_id == made.json["account_id"]
    with opened(data) as installation:
        lookup = KeyLookup(installation.catalog, installation.root_key)
        found = lookup.find(made.json["access_key_id"], now=installation.clock.now())
        assert found is not None
        assert found.secret == made.json["secret_access_key"]
        assert installation.client.call("ListBackupVaults")["BackupVaultList"]


@pytest.mark.parametrize("other", [["--region", "there-1"], ["--storage-url", "file://STORAGE"]])
def test_an_init_that_was_cut_off_is_not_ended_as_another_one(
    data: Path, tmp_path: Path, run: Run, other: list[str]
) -> None:
    (data / "safehold.toml").unlink()
    answer = run("init", *(word.replace("STORAGE", str(tmp_path)) for word in other))
    assert answer.code == 2
    assert "holds the installation of account" in answer.err
    assert not (data / "safehold.toml").exists()


def test_settings_that_cannot_be_written_whole_are_not_there(data: Path) -> None:
    folder = DataFolder(data)
    before = folder.settings_file.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        folder.write_settings(Settings(region="\udcff"))
    assert folder.settings_file.read_bytes() == before


@pytest.mark.parametrize(
    "words", [["status"], ["jobs"], ["serve"], ["source", "list"], ["work"], ["schedule"], ["verify"]]
)
def test_without_an_installation_every_command_says_so(tmp_path: Path, run: Run, words: list[str]) -> None:
    answer = run(*words, "--data", tmp_path / "none")
    assert answer.code == 2
    assert "no installation in" in answer.err
    assert "hint: Run `safehold init" in answer.err
    assert not (tmp_path / "none").exists()


def test_a_wrong_root_key_is_told_at_once(data: Path, run: Run) -> None:
    (data / "root.key").write_text("00" * 32 + "\n")
    for words in (["status"], ["serve"], ["points"]):
        answer = run(*words)
        assert answer.code == 2
        assert "root key" in answer.err
        assert "Traceback" not in answer.err


def test_a_lost_root_key_is_told_at_once(data: Path, run: Run) -> None:
    (data / "root.key").unlink()
    answer = run("status")
    assert answer.code == 2
    assert answer.err.startswith("error: cannot read the root key")


def test_a_place_that_cannot_be_made_is_told(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    answer = run("init", "--data", tmp_path / "file/data")
    assert answer.code == 2
    assert answer.err.startswith("error: cannot make")


def test_storage_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path, run: Run) -> None:
    answer = run("init", "--data", tmp_path / "data", "--storage-url", f"file://{tmp_path}/unmounted")
    assert answer.code == 1
    assert answer.err.startswith("error: the site's storage")
    assert not (tmp_path / "data").exists()


def test_wrong_use_ends_with_two(data: Path, run: Run) -> None:
    assert run("nonsense").code == 2
    assert run("restore").code == 2
    assert run("tag").code == 2


def test_a_fault_of_ours_is_one_line_and_a_trace_when_asked_for(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safehold.cli.summary.summary", lambda installation: 1 / 0)
    answer = run("status")
    assert answer.code == 1
    assert answer.err.startswith("error: ZeroDivisionError")
    assert "SAFEHOLD_TRACE" in answer.err


def test_a_data_folder_that_is_moved_takes_its_vaults_along(data: Path, run: Run) -> None:
    moved = data.with_name("moved")
    data.rename(moved)
    with opened(moved) as installation, installation.catalog.read() as tx:
        assert sites.storage_url(tx, installation.site) == f"file://{moved}/vaults"


def test_a_version_is_told(run: Run) -> None:
    assert run("--version").out == f"safehold {__version__}\n"


def test_looking_whether_it_runs_keeps_no_serve_out(data: Path) -> None:
    folder = DataFolder(data)
    assert not folder.is_locked()
    with folder.locked():
        assert folder.is_locked()
        with pytest.raises(DataFolderLocked), folder.locked():
            pass
    assert not folder.is_locked()


def test_who_wraps_the_keys_is_checked_before_anything_is_made(tmp_path: Path, run: Run) -> None:
    refused = run("init", "--data", tmp_path / "data", "--keys-url", "aws-kms:")
    assert (refused.code, (tmp_path / "data").exists()) == (2, False)
    assert run("init", "--data", tmp_path / "data", "--keys-url", "aws-kms:alias/x?region=here").code == 0
    assert DataFolder(tmp_path / "data").settings().keys_url == "aws-kms:alias/x?region=here"
