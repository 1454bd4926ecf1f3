"""What was moved to cold storage once is read by every later version, and by whoever knows the documents
alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from safehold.store.backends.local import LocalBackend
from safehold.store.backends.tiers import is_cold
from safehold.store.cold.cold import cool
from safehold.store.index.labels import read_label
from safehold.store.soundness.verify import verify
from safehold.store.upkeep.index_rebuild import rebuild_index
from tests.formats.make_cold_sample import cold_trees, make_cold_sample, opened
from tests.formats.test_read_vault import on_disk, run_reader
from tests.store.vaults import flat, restore

SAMPLE = Path(__file__).parent / "cold/v1"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh") / "sample"
    make_cold_sample(folder)
    return folder


@pytest.fixture(params=["frozen", "fresh"])
def sample(request: pytest.FixtureRequest, tmp_path: Path, fresh: Path) -> Path:
    """A copy, since opening a vault may write into it."""
    shutil.copytree(SAMPLE if request.param == "frozen" else fresh, tmp_path / "sample")
    return tmp_path / "sample"


def test_todays_code_reads_what_lies_in_both_places(sample: Path) -> None:
    store = opened(sample)
    assert [point for point in store.points() if store.is_cold(point)] == ["old"]
    assert verify(store, read_data=True).problems == []
    for point, tree in cold_trees().items():
        assert restore(opened(sample), point) == flat(tree)
    names = [info.name for info in store.backend.list("cold/")]
    assert [read_label(store.object, name).size_bytes for name in names] == [
        store.backend.size(name) for name in names
    ]
    assert cool(store, "old", now=1).new_chunks == 0


def test_the_sample_is_what_it_is_meant_to_be(sample: Path) -> None:
    cold, warm = LocalBackend(sample / "cold"), LocalBackend(sample / "vault")
    assert {info.name.split("/")[0] for info in cold.list("")} == {"cold"}
    assert {"labels", "points", "trees", "index", "packs", "amendments"} <= {
        info.name.split("/")[0] for info in warm.list("")
    }
    shutil.rmtree(sample / "cold/cold")
    problems = {problem.path for problem in verify(opened(sample), read_data=False).problems}
    assert b"own" in problems  # nothing of it is warm any more


def test_the_index_is_made_again_from_frozen_labels(sample: Path) -> None:
    shutil.rmtree(sample / "vault/index")
    assert rebuild_index(opened(sample), dry_run=False).unread == {}
    store = opened(sample)
    assert any(map(is_cold, store.objects_used(store.point("old"), cold=True)))
    assert restore(opened(sample), "old") == flat(cold_trees()["old"])


def test_the_reader_extracts_a_cold_point_when_the_cold_folder_is_put_beside_the_others(
    sample: Path, tmp_path: Path
) -> None:
    (sample / "vault/cold").symlink_to(sample / "cold/cold")
    listed = [line.split("\t") for line in run_reader(sample).splitlines()]
    assert [(line[0], line[3]) for line in listed] == [("new", ""), ("old", "storage")]
    run_reader(sample, "old", tmp_path / "out")
    assert on_disk(os.fsencode(tmp_path / "out")) == flat(cold_trees()["old"])
