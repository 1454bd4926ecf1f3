"""`safehold store cool`, and the option that says where points go."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.cli.installation import opened
from safehold.cli.making import make
from safehold.core.config import DataFolder, Settings
from safehold.core.errors import StoreUnavailable
from safehold.records import recovery_points, sites
from tests.cli.conftest import Run
from tests.cli.vaults import put_point, store_of
from tests.store.vaults import Tree, flat, restore

TREE: Tree = {b"large": bytes(range(256)) * 10_000, b"folder": {b"%d" % n: b"%d" % n * 99 for n in range(20)}}


@pytest.fixture
def cold(data: Path, tmp_path: Path) -> Path:
    """`cold_storage_url` is set, as a person would set it."""
    folder = tmp_path / "cold"
    folder.mkdir()
    settings = data / "safehold.toml"
    settings.write_text(
        settings.read_text().replace('cold_storage_url = ""', f'cold_storage_url = "file://{folder}"')
    )
    return folder


def test_a_point_is_moved_and_the_api_shows_it_as_cold(data: Path, run: Run, cold: Path) -> None:
    arn = put_point(data, "p", TREE)
    where = {"BackupVaultName": "Default", "RecoveryPointArn": arn}
    with opened(data) as installation:
        assert installation.client.call("DescribeRecoveryPoint", **where)["StorageClass"] == "WARM"
    (report,) = run("store", "cool", arn, "--json").json["points"]
    assert (report["refused"], report["was_cold"]) == (None, False)
    assert report["new_bytes"] == report["bytes"] > 0
    assert list(cold.rglob("cold/*"))
    assert list(store_of(data).backend.list("intents/")) == []  # collection waits for nobody
    with opened(data) as installation:
        assert installation.client.call("DescribeRecoveryPoint", **where)["StorageClass"] == "COLD"
    again = run("store", "cool", "p")
    assert again.code == 0
    assert again.out.rstrip().endswith("0 B of it new there")
    assert restore(store_of(data), "p") == flat(TREE)
    assert run("verify", "--json").code == 0


def test_without_cold_storage_a_point_stays_and_the_answer_says_what_to_set(data: Path, run: Run) -> None:
    put_point(data, "p", TREE)
    answer = run("store", "cool", "p")
    assert answer.code == 1
    assert "stays where it is" in answer.out
    assert "cold_storage_url" in answer.out


def test_points_that_are_not_there_are_an_error_before_anything_is_moved(
    data: Path, run: Run, cold: Path
) -> None:
    put_point(data, "p", TREE)
    answer = run("store", "cool", "p", "never")
    assert answer.code == 1
    assert "Cannot find recovery point" in answer.err
    assert list(cold.iterdir()) == []


def test_a_catalog_that_is_made_again_from_the_vault_knows_what_is_cold(
    data: Path, run: Run, cold: Path
) -> None:
    put_point(data, "p", TREE)
    run("store", "cool", "p")
    with opened(data) as installation, installation.catalog.begin() as tx:
        recovery_points.forget(tx, "p")
    (report,) = run("store", "rebuild", "Default", "--json").json["vaults"]
    assert (report["points_added"], report["unread"]) == (1, {})
    with opened(data) as installation, installation.catalog.read() as tx:
        point = recovery_points.find_by_id(tx, "p")
    assert point is not None
    assert point.storage_class == "COLD"


def test_an_option_that_is_emptied_forgets_no_place_that_holds_something(
    data: Path, run: Run, cold: Path
) -> None:
    put_point(data, "p", TREE)
    run("store", "cool", "p")
    settings = data / "safehold.toml"
    settings.write_text(settings.read_text().replace(f'"file://{cold}"', '""'))
    with opened(data) as installation, installation.catalog.read() as tx:
        assert sites.cold_storage_url(tx, installation.site) == f"file://{cold}"
    assert run("verify").code == 0


def test_a_cold_place_that_went_away_is_told_of_and_warm_points_go_on(
    data: Path, run: Run, cold: Path
) -> None:
    put_point(data, "p", TREE)
    run("store", "cool", "p")
    cold.rename(cold.with_name("elsewhere"))
    put_point(data, "q", {b"other": b"x" * 5000})
    assert restore(store_of(data), "q") == flat({b"other": b"x" * 5000})
    answer = run("verify")
    assert answer.code != 0
    assert "is not there" in answer.err + answer.out


def test_an_installation_is_not_made_with_a_cold_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        make(tmp_path / "data", Settings(cold_storage_url=f"file://{tmp_path}/nowhere"))
    (tmp_path / "cold").mkdir()
    make(tmp_path / "data", Settings(cold_storage_url=f"file://{tmp_path}/cold"))
    assert DataFolder(tmp_path / "data").settings().cold_storage_url == f"file://{tmp_path}/cold"
    with opened(tmp_path / "data") as installation, installation.catalog.read() as tx:
        assert sites.cold_storage_url(tx, installation.site) == f"file://{tmp_path}/cold"
