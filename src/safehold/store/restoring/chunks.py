"""Chunks read back: through the index to a frame, opened once and kept a while."""

from __future__ import annotations

import threading
from collections import OrderedDict

from safehold.core.errors import Damaged, ObjectMissing, StoreError
from safehold.store.backends.contract import Backend
from safehold.store.fragments.places import ObjectRef, Place
from safehold.store.index.rebuilding import CompleteIndex
from safehold.store.restoring.verdicts import read_again
from safehold.store.sealed.chunking import chunk_id
from safehold.store.sealed.frames import lend_frame
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.sealing import ObjectSeal

CACHE_BYTES = 64 << 20
KEPT_SEALS = 1024  # about 2 KiB each


class FrameReader:
    """Opens frames of a vault's objects, each with a single read, and keeps the last ones. Thread-safe."""

    def __init__(
        self, backend: Backend, keys: VaultKeys, vault_id: bytes, *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        """cache_bytes: of opened frames, are kept"""
        self._cache_bytes = cache_bytes
        self._backend = backend
        self._keys = keys
        self._vault_id = vault_id
        self._seals: dict[str, ObjectSeal] = {}
        self._frames: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()

    def frame(self, place: Place) -> bytes:
        """The plain frame that holds the place. Raises ObjectMissing, Damaged, StoreUnavailable."""
        key = (place.object.name, place.frame)
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        plain = self.read_frame(place)
        self._keep(key, plain)
        return plain

    def read_frame(self, place: Place) -> bytes:
        """As `frame`, past the cache: for whoever reads each frame once."""
        return bytes(self.lend_frame(place))

    def lend_frame(self, place: Place) -> memoryview:
        """As `read_frame`, good until the calling thread asks for another: for whoever uses it at once."""
        return read_again(lambda: self._open(place))

    def _open(self, place: Place) -> memoryview:
        sealed = self._backend.get(place.object.name, offset=place.sealed_offset, length=place.sealed_bytes)
        return lend_frame(self._seal(place.object), place.frame, sealed)

    def _seal(self, ref: ObjectRef) -> ObjectSeal:
        seal = self._seals.get(ref.name)
        if seal is None:
            seal = ObjectSeal(self._keys, self._vault_id, ref.header, ref.name)
            with self._lock:
                if len(self._seals) >= KEPT_SEALS:
                    self._seals.clear()
                self._seals[ref.name] = seal
        return seal

    def _keep(self, key: tuple[str, int], plain: bytes) -> None:
        with self._lock:
            if key in self._frames:
                return
            self._frames[key] = plain
            self._cached_bytes += len(plain)
            while self._cached_bytes > self._cache_bytes:
                _, dropped = self._frames.popitem(last=False)
                self._cached_bytes -= len(dropped)


class ChunkReader:
    """Chunks by id. A place that fails is passed over for the next one where the chunk lies. Thread-safe."""

    def __init__(self, frames: FrameReader, index: CompleteIndex, chunk_id_key: bytes) -> None:
        self._frames = frames
        self._index = index
        self._key = chunk_id_key

    def read(self, identity: bytes) -> bytes:
        """The chunk's bytes, proved to be the ones of that id. Raises ObjectMissing, Damaged."""
        last: StoreError = ObjectMissing(f"chunk {identity.hex()} is in no object of the vault")
        tried: set[Place] = set()
        # What fails is condemned, and then the index looks further than it did before.
        while untried := [place for place in self._index.places(identity) if place not in tried]:
            for place in untried:
                tried.add(place)
                try:
                    frame = self._frames.frame(place)
                    return bytes(self.cut(identity, place, memoryview(frame)))
                except (ObjectMissing, Damaged) as error:
                    self._index.condemn(place)
                    last = error
        raise last

    def cut(self, identity: bytes, place: Place, frame: memoryview) -> memoryview:
        """The chunk in its frame. Raises Damaged when what lies there is another."""
        data = frame[place.offset : place.offset + place.length]
        if chunk_id(self._key, data) != identity:
            raise Damaged(f"{place.object.name}: frame {place.frame} holds other bytes than the index says")
        return data

    def places(self, identity: bytes) -> list[Place]:
        return self._index.places(identity)

    def all_places(self, identity: bytes) -> list[Place]:
        """Everywhere that the index knows of, in the order in which a reader should try."""
        return self._index.all_places(identity)
