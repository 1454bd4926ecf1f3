"""Working state that was written once is read by every later version."""

from __future__ import annotations

from pathlib import Path

from safehold.core.clock import to_micros
from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.copies.id_map import IdMap, MapFolder
from safehold.store.index.condemned import read_notes
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.points.checkpoints import CheckpointFolder
from safehold.store.soundness.checks import Checks
from safehold.store.vault_store import VaultStore
from tests.formats.make_checkpoint_sample import LONG, TREE
from tests.formats.make_id_map_sample import ROWS, SOURCE
from tests.formats.make_sample import SAMPLE_KEY
from tests.formats.make_working_sample import AT
from tests.store.resumed import Attempt
from tests.store.vaults import VAULT_ID, flat, restore

CHECKPOINT = Path(__file__).parent / "working/checkpoint-v1"
ID_MAP = Path(__file__).parent / "working/id-map-v1"
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


def test_a_backup_goes_on_with_the_frozen_checkpoint() -> None:
    backend, frozen = MemoryBackend(), LocalBackend(CHECKPOINT)
    for info in frozen.list(""):
        backend.put(info.name, [frozen.get(info.name)])
    store = VaultStore.for_writing(backend, KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    folder = CheckpointFolder(backend, store.keys, store.vault_id)
    (name,) = folder.names()
    (unfinished,) = folder.get(name).unfinished
    again = Attempt(store, TREE)
    again.run(name)
    assert again.source.skips == [unfinished.done_bytes]
    assert again.source.read_bytes == len(LONG) - unfinished.done_bytes + len(TREE[b"c"][b"not come to"])
    assert restore(store, "p") == flat(TREE)


def test_the_frozen_id_map_is_read() -> None:
    store = VaultStore.for_reading(LocalBackend(ID_MAP), KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    folder = MapFolder(store.backend, store.keys, store.vault_id)
    tables = [folder.open(name) for name in folder.names(SOURCE)]
    assert sorted((table.head.prefix, table.head.rows, len(table.head.first_ids)) for table in tables) == [
        ("", 1100, 2),
        ("ff", 1, 1),
    ]
    known = IdMap(folder, SOURCE)
    assert [known.find(row[:32]) for row in ROWS] == [row[32:] for row in ROWS]
    assert known.find(b"\xff" * 32) == b"t" * 32
    assert known.find(b"\xfe" * 32) is None
