"""An installation whose vaults live in a bucket, from the command line."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from safehold.core.config import DataFolder
from tests.cli.conftest import Run
from tests.cli.vaults import put_point, store_of
from tests.fixtures.seaweed import Seaweed
from tests.store.vaults import Tree, flat, restore

TREE: Tree = {b"a": b"few bytes", b"folder": {b"b": b"more"}}


@pytest.fixture
def prefix() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def on_s3(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
    seaweed: Seaweed,
    locking_bucket: str,
    prefix: str,
) -> Path:
    """A data folder whose vaults live in a bucket with object lock; commands use it without being told."""
    data = tmp_path / "on s3"
    monkeypatch.setenv("SAFEHOLD_DATA", str(data))
    answer = run("init", "--data", data, "--storage-url", seaweed.url(locking_bucket, prefix), "--json")
    assert answer.code == 0, answer.err
    assert not DataFolder(data).vaults.exists()
    return data


def test_a_bucket_that_was_tampered_with_is_told_and_repaired(
    on_s3: Path, run: Run, seaweed: Seaweed, locking_bucket: str, prefix: str
) -> None:
    put_point(on_s3, "point", TREE)
    assert run("verify", "--read-data").code == 0
    client = seaweed.client()
    for found in client.list_objects_v2(Bucket=locking_bucket, Prefix=prefix)["Contents"]:
        if "/selftest/" not in found["Key"]:
            client.put_object(Bucket=locking_bucket, Key=found["Key"], Body=b"theirs")
            client.delete_object(Bucket=locking_bucket, Key=found["Key"])
    assert restore(store_of(on_s3), "point") == flat(TREE)

    told = run("verify", "--read-data", "--json")
    assert told.code == 1
    (report,) = told.json["vaults"]
    assert (report["verdict"], report["problem_count"]) == ("ok", 0)
    count = report["intruder_count"]
    assert count == len(report["intruders"]) >= 4
    assert "safehold store repair-versions" in run("verify").out

    (dry,) = run("store", "repair-versions", "--dry-run", "--json").json["vaults"]
    assert dry["removed"] == count
    repaired = run("store", "repair-versions", "Default")
    assert repaired.code == 0
    assert f"{count} versions and marks by others removed" in repaired.out
    assert run("store", "repair-versions", "--json").json["vaults"][0]["removed"] == 0
    assert run("verify", "--read-data").code == 0
    assert restore(store_of(on_s3), "point") == flat(TREE)


def test_vaults_in_a_folder_need_no_such_repair(data: Path, run: Run) -> None:
    put_point(data, "point", TREE)
    assert run("store", "repair-versions", "--json").json["vaults"][0]["removed"] == 0


def test_a_bucket_that_is_not_there_is_told_before_anything_is_made(
    tmp_path: Path, run: Run, seaweed: Seaweed
) -> None:
    answer = run("init", "--data", tmp_path / "data", "--storage-url", seaweed.url("nowhere"))
    assert answer.code == 1
    assert "hint: Make the bucket first" in answer.err
    assert not (tmp_path / "data").exists()
