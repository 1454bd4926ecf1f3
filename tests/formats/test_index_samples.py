"""The index of every frozen sample, of whichever version, says what the directories say."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core.secrets import read_root_key
from safehold.store.backends.local import LocalBackend
from safehold.store.fragments.places import ObjectRef
from safehold.store.fragments.stored_fragment import StoredFragment
from safehold.store.index.index import Fragment, Index, build_fragment
from safehold.store.index.index_folder import Loaded
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.vault_store import VaultStore
from tests.store.vaults import VAULT_ID

SAMPLES = Path(__file__).parent / "samples"


def opened(sample: str) -> tuple[VaultStore, Loaded]:
    provider = KeyFile(read_root_key(SAMPLES / sample / "root.key"))
    store = VaultStore.for_reading(LocalBackend(SAMPLES / sample / "vault"), provider, VAULT_ID)
    return store, store.index_folder.load()


@pytest.mark.parametrize("sample", ["v1", "v1-index-v2"])
def test_the_index_of_a_sample_gives_the_places_that_its_directories_give(sample: str) -> None:
    store, loaded = opened(sample)
    assert loaded.unreadable == {}
    names = [info.name for folder in ("packs/", "trees/") for info in store.backend.list(folder)]
    objects = [store.object(name) for name in names]
    truth = build_fragment((ObjectRef(one.name, one.seal.header), one.directory) for one in objects)
    index = Index()
    for fragment in loaded.fragments:
        index.add(fragment)
    known = {row[:32] for rows in truth.rows() for row in rows}
    assert len(known) > 300
    for identity in known:
        assert set(index.places(identity)) == set(truth.find(identity))


def test_the_samples_have_a_fragment_of_each_version_and_a_merged_one() -> None:
    _, first = opened("v1")
    assert [type(fragment) for fragment in first.fragments] == [Fragment]
    _, second = opened("v1-index-v2")
    (merged,) = second.fragments
    assert isinstance(merged, StoredFragment)
    assert sorted(merged.head.replaces) == second.replaced
    assert len(second.replaced) == 2
