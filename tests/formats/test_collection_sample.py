"""What writers and collectors told one another once, and a printed kit, are read by every later version."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.collect.journal import Journal
from safehold.store.custody.recovery_kit import parse_kit
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.keys import VaultKeys, read_keys
from safehold.store.writers.intent_folder import IntentFolder
from safehold.store.writers.tombstones import Stage, Tombstones
from tests.formats.make_collection_sample import INTENT, PART, PASSPHRASE, REVOKED, SEEN, STAGES
from tests.formats.make_sample import SAMPLE_KEY
from tests.store.vaults import VAULT_ID

SAMPLE = Path(__file__).parent / "working/v1-collection"


@pytest.fixture
def backend() -> LocalBackend:
    return LocalBackend(SAMPLE)


@pytest.fixture
def keys(backend: LocalBackend) -> VaultKeys:
    return read_keys(backend, KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)


def test_frozen_intents_and_revocations_are_read(backend: LocalBackend, keys: VaultKeys) -> None:
    folder = IntentFolder(backend, keys, VAULT_ID)
    assert folder.live() == [INTENT]
    assert list(folder.revoked()) == [REVOKED]


def test_frozen_tombstones_are_read_in_every_stage(backend: LocalBackend, keys: VaultKeys) -> None:
    stones = Tombstones(backend, keys, VAULT_ID)
    listed = stones.listed()
    assert (listed.epoch, listed.open) == (2, [2])
    assert listed.stages == {1: frozenset(Stage), 2: frozenset({Stage.ANNOUNCED})}
    told = [stones.announced(1), stones.trashed(1), stones.decided(1), stones.announced(2)]
    assert told == [record for _, record in STAGES if record != STAGES[3][1]]


def test_a_frozen_journal_is_read(backend: LocalBackend, keys: VaultKeys) -> None:
    (run,) = Journal(backend, keys, VAULT_ID).runs()
    assert (run.number, run.seen, run.parts) == (1, SEEN, [PART])


@pytest.mark.parametrize(("name", "passphrase"), [("plain.kit", None), ("protected.kit", PASSPHRASE)])
def test_a_frozen_kit_gives_the_vaults_keys(keys: VaultKeys, name: str, passphrase: str | None) -> None:
    kit = parse_kit((SAMPLE / name).read_text("ascii"))
    assert kit.open(passphrase) == {VAULT_ID: keys}
