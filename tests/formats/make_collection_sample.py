"""Makes the frozen sample of what writers and collectors tell one another, and of the recovery kit.

`python -m tests.formats.make_collection_sample FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.collect.journal import Entry, Journal, Part, Seen
from safehold.store.custody.recovery_kit import make_kit
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import open_or_create_keys
from safehold.store.sealed.record_folder import RecordFolder
from safehold.store.writers.intent_folder import Intent, IntentFolder, Revocation
from safehold.store.writers.tombstones import Announced, Decided, Spent, Tombstones, Trashed
from tests.formats.make_sample import SAMPLE_KEY
from tests.store.vaults import VAULT_ID

AT = 1_767_225_600_000_000  # 2026-01-01
WRITER, SILENT = "1" * 32, "2" * 32
PASSPHRASE = "correct horse battery stäple"
SEEN = Seen(
    version=1,
    who="collector",
    written_at=AT,
    epoch=2,
    points=["kept", "gone"],
    roots=1,
    intents={WRITER: [3, AT]},
    total_bytes=1000,
    live_bytes=600,
)
PART = Part(written_at=AT, tombstone=1, entries=[Entry("announced", "points/gone", "it was deleted")])
INTENT = Intent(
    version=1, intent_id=WRITER, sequence=3, epoch=2, pins=["kept"], writer="worker", written_at=AT
)
REVOKED = Revocation(version=1, intent_id=SILENT, admitted=["early"], written_at=AT)
STAGES = (
    (1, Announced(version=1, names=["packs/a", "points/gone"], roots=["kept"], written_at=AT)),
    (1, Trashed(names=["points/gone"], written_at=AT)),
    (1, Decided(what="purge", written_at=AT)),
    (1, Spent(written_at=AT)),
    (2, Announced(version=1, names=["packs/b"], roots=[], written_at=AT)),
)


def make_collection_sample(folder: Path) -> None:
    backend = LocalBackend.create(folder)
    keys = open_or_create_keys(backend, KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    RecordFolder(backend, keys, VAULT_ID, ObjectType.INTENT).put(f"{WRITER}.00000003", INTENT)
    IntentFolder(backend, keys, VAULT_ID).revoke(REVOKED)
    for number, record in STAGES:
        Tombstones(backend, keys, VAULT_ID).put(number, record)
    journal = Journal(backend, keys, VAULT_ID)
    journal.begin(SEEN)
    journal.add(PART)
    for name, passphrase in (("plain.kit", None), ("protected.kit", PASSPHRASE)):
        lines = make_kit({VAULT_ID: keys}, passphrase=passphrase)
        (folder / name).write_text("\n".join(lines) + "\n", "ascii")


if __name__ == "__main__":
    make_collection_sample(Path(sys.argv[1]))
