"""What a scrub wrote once is read by every later version: condemned objects, and when others were checked."""

from __future__ import annotations

from pathlib import Path

from safehold.core.clock import to_micros
from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.checks import Checks
from safehold.store.condemned import read_notes
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.vault_store import VaultStore
from tests.formats.make_sample import SAMPLE_KEY
from tests.formats.make_working_sample import AT
from tests.store.vaults import VAULT_ID

SAMPLE = Path(__file__).parent / "working/v1"


def test_the_frozen_notes_of_a_scrub_are_read() -> None:
    store = VaultStore.for_reading(LocalBackend(SAMPLE), KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    notes = {stored.note.object: stored.note for stored in read_notes(store.backend, store.object)}
    assert {name: note.frames for name, note in notes.items()} == {"points/frame": [0], "points/whole": None}
    assert {note.found_at for note in notes.values()} == {to_micros(AT)}
    checked = Checks(store).all()
    assert set(checked) == {"points/sound", "points/frame", "points/whole"}
    assert {(entry.seen_at, entry.checked_at) for entry in checked.values()} == {
        (to_micros(AT), to_micros(AT))
    }
