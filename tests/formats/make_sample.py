"""Makes the frozen sample of the present format: `python -m tests.formats.make_sample FOLDER`.

A sample is made once for a format version and never again: what stands in tests/formats/samples is what
that version's writers wrote. Its root key opens nothing else.
"""

from __future__ import annotations

import json
import random
import sys
from hashlib import sha256
from pathlib import Path

from safehold.core.secrets import RootKey
from safehold.domain.items import Item, ItemKind, PreviousTree
from safehold.store.backends.local import LocalBackend
from safehold.store.fragments.places import ObjectRef
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.chunking import chunk_id
from safehold.store.trees.contents import Part, encode_content
from safehold.store.vault_store import VaultStore
from safehold.store.writing.session import Session
from tests.store.vaults import VAULT_ID, Other, Tree, TreeSource, back_up, flat, new_record

SAMPLE_KEY = bytes(range(32, 64))


def repeating(size: int, seed: int) -> bytes:
    """Bytes that compress very well and still are no two chunks alike."""
    chance = random.Random(seed)
    lines = (b"%d the quick brown fox\n" % chance.randrange(10) * 3000 for _ in range(size // 60_000))
    return b"".join(lines)


def sample_trees() -> dict[str, Tree]:
    """What each point of the sample holds."""
    big: Tree = {
        b"empty": b"",
        b"small": b"a few bytes",
        b"multi-chunk": repeating(9_000_000, 1),
        b"holes": repeating(1_200_000, 2) + bytes(9 << 20) + b"the end",
        b"folder": {
            b"\xff not UTF-8": b"name",
            b"link": Other(ItemKind.SYMLINK, (("l", b"../small"),)),
            b"nested": {b"file": b"deep"},
            b"empty folder": {},
        },
        b"hard link": Other(ItemKind.HARDLINK, (("link_to", b"folder/nested/file"),)),
        # More chunks than a content list holds inline, and more names than a page of an item tree holds.
        b"paged": b"".join(_short_chunks()),
        b"many": {b"%04d" % number: b"" for number in range(700)},
    }
    return {"big": big, "combined": {**big, b"small": b"a few other bytes", b"new": b"since then"}}


class SampleSource(TreeSource):
    """Has one file in chunks far shorter than writers cut: the format does not say how long they are."""

    def __init__(self, tree: Tree, previous: PreviousTree, session: Session, chunk_id_key: bytes) -> None:
        super().__init__(tree, previous)
        self._session = session
        self._key = chunk_id_key

    def _item(self, path: bytes, name: bytes, entry: bytes | Other | Tree) -> Item:
        item = super()._item(path, name, entry)
        if path == b"paged":
            parts = [Part(chunk_id(self._key, data), len(data)) for data in _short_chunks()]
            for part, data in zip(parts, _short_chunks(), strict=True):
                self._session.add_chunk(part.id, data)
            item.content = encode_content(parts, self._session.put_page)
        return item


def _short_chunks() -> list[bytes]:
    return [b"chunk %d, " % number * 20 for number in range(300)]


def make_sample(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "root.key").write_text(SAMPLE_KEY.hex() + "\n")
    provider = KeyFile(RootKey(SAMPLE_KEY))
    store = VaultStore.for_writing(LocalBackend.create(folder / "vault"), provider, VAULT_ID)
    trees = sample_trees()
    with store.session() as session:
        source = SampleSource(trees["big"], PreviousTree(), session, store.keys.chunk_id_key)
        root = store.take_in(session, source, PreviousTree(), advance=lambda items, size: None)
        session.finish(new_record("big", root, session.stats))
    back_up(store, "combined", trees["combined"], previous="big")
    store.amend("big", "lifecycle", {"lifecycle": json.dumps({"DeleteAfterDays": 30})}, written_at=3)
    store.amend("big", "tags", {"tags": json.dumps({"team": "blue"})}, written_at=4)
    _merge_index(VaultStore.for_writing(LocalBackend(folder / "vault"), provider, VAULT_ID))
    (folder / "vault/tmp").rmdir()
    manifest = {
        point: {ascii(path): told(what) for path, what in flat(tree).items()} for point, tree in trees.items()
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=0) + "\n")


def _merge_index(store: VaultStore) -> None:
    """A second fragment, for the combined point, and one that replaces both; those are left, as merges do."""
    opened = store.object("points/combined")
    store.index_folder.write([(ObjectRef(opened.name, opened.seal.header), opened.directory)])
    store.index_folder.merge(store.index_folder.load().fragments)


def told(what: bytes | Other | None) -> str:
    """One entry of a tree, as the manifest says it: bytes by length and the start of their SHA-256."""
    if isinstance(what, bytes):
        return f"{len(what)} {sha256(what).hexdigest()[:16]}"
    return "folder" if what is None else f"{what.kind.name} {dict(what.facts)}"


if __name__ == "__main__":
    make_sample(Path(sys.argv[1]))
