"""The limit: the same bytes named, compressed, sealed, opened again and compared, and nothing else.

Everything is in memory, cut as a backup would cut it, and no metadata, index or storage is in the way. What a
first backup takes longer is what Safehold spends on the rest.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safehold.store.names import ObjectType
from safehold.store.sealed.chunking import SMALL_BYTES, Chunker, InMemory, chunk_id, is_zero
from safehold.store.sealed.frames import seal_frame
from safehold.store.sealed.keys import new_vault_keys
from safehold.store.sealed.objects import FrameKind
from safehold.store.sealed.sealing import NewSeal, new_object_name
from safehold.store.writing.packing import FRAME_BYTES, Frame, FrameFiller

THREADS = os.cpu_count() or 2


def seconds(tree: Path) -> float:
    """The shortest of three runs over the tree's files; memory for all of them is needed."""
    keys = new_vault_keys()
    frames = _frames(tree, keys.chunk_id_key, keys.chunker_seed)
    return min(_run(frames, keys.chunk_id_key) for _ in range(3))


def _frames(tree: Path, key: bytes, seed: int) -> list[Frame]:
    filler, frames, known = FrameFiller(FrameKind.DATA, FRAME_BYTES), [], set()
    chunker = Chunker(seed)
    for path in sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()):
        content = path.read_bytes()
        small = len(content) <= SMALL_BYTES
        for chunk in [content] if small else map(bytes, chunker.cut(InMemory(content))):
            identity = chunk_id(key, chunk)
            if chunk and identity not in known and (small or not is_zero(chunk)):
                known.add(identity)
                frames += filter(None, [filler.add(identity, chunk)])
    return frames + list(filter(None, [filler.take()]))


def _run(frames: list[Frame], key: bytes) -> float:
    seal = NewSeal(new_vault_keys(), b"v" * 16, ObjectType.PACK, new_object_name(ObjectType.PACK))

    def one(number: int) -> None:
        for part in frames[number].parts:
            chunk_id(key, part)
        seal_frame(seal, number, frames[number].parts)

    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(one, number) for number in range(len(frames))]:
            done.result()
    return time.perf_counter() - started
