"""Cold objects looked at without reading them, where reading costs money or hours: size and checksum.

What the label says is held against what the place tells of the object. That finds what is gone, cut off or
replaced; a bit that rots in an archive is for the archive's own checksums to find.
"""

from __future__ import annotations

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing, StoreUnavailable
from safehold.store.backends.contract import Reading, archiving
from safehold.store.backends.tiers import is_cold
from safehold.store.index.labels import read_label
from safehold.store.restoring.verdicts import Verdict, verdict_on
from safehold.store.soundness.checking import ObjectCheck
from safehold.store.vault_store import VaultStore


def is_dear(store: VaultStore, name: str) -> bool:
    """Would reading that object cost money or hours?"""
    if not is_cold(name):
        return False
    archive = archiving(store.backend)
    return archive is not None and archive.reading is not Reading.FREE


def check_unread(store: VaultStore, name: str, size_bytes: int) -> ObjectCheck:
    """What can be said of a cold object without reading it. Reads its label."""
    check = ObjectCheck(name)
    try:
        label = read_label(store.object, name)
        check.chunks = sum(len(note.lengths) for note in label.directory.frames)
        if size_bytes != label.size_bytes:
            raise Damaged(f"{name} has {size_bytes} bytes, its label says {label.size_bytes}")
        archive = archiving(store.backend)
        told = None if archive is None else archive.digest(name)
        if told is not None and told != label.sha256:
            raise Damaged(f"{name}: its checksum is not the one that its label says")
    except ObjectMissing as error:
        _note_missing(store, name, check, error)
    except (Damaged, KeyMismatch, StoreUnavailable) as error:
        check.why = str(error)
        check.verdict = verdict_on(error)
    return check


def _note_missing(store: VaultStore, name: str, check: ObjectCheck, error: ObjectMissing) -> None:
    try:
        store.backend.size(name)
    except ObjectMissing:
        check.is_gone = True
        check.why = f"{name} is gone"
        return
    check.why = f"{name} has no label: {error}"
    check.verdict = Verdict.DAMAGED
