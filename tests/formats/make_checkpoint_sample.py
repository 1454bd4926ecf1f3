"""Makes the frozen sample of a checkpoint: `python -m tests.formats.make_checkpoint_sample FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.vault_store import VaultStore
from tests.formats.make_sample import SAMPLE_KEY
from tests.store.resumed import Attempt, killed_at
from tests.store.vaults import VAULT_ID

MIB = 1 << 20
LONG = b"".join(b"%09d\n" % number for number in range(21 * MIB // 10))  # compresses well
TREE = {
    b"a": {b"done": b"read and stored", b"deeper": {b"done, too": b"so it is"}},
    b"b": {b"begun": LONG, b"small": b"of the same folder"},
    b"c": {b"not come to": b"when it was cut off"},
}


def make_checkpoint_sample(folder: Path) -> None:
    """A vault as a process left it that was killed within the long item."""
    key = KeyFile(RootKey(SAMPLE_KEY))
    attempt = Attempt(VaultStore.for_writing(MemoryBackend(), key, VAULT_ID), TREE)
    left, name = killed_at(attempt, 17 * MIB)
    sample = LocalBackend.create(folder)
    for each, data in left.objects.items():
        sample.put(each, [data])
    print(name)


if __name__ == "__main__":
    make_checkpoint_sample(Path(sys.argv[1]))
