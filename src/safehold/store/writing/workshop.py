"""The threads that seal and upload while the rest of a backup reads on.

What waits is bounded: so many bytes not yet sealed, so many finished objects not yet stored.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from safehold.store.backends.contract import Backend
from safehold.store.sealed.frames import seal_frame
from safehold.store.writing.packing import Frame, OpenObject, StoredObject

UNSEALED_BYTES = 16 << 20
WAITING_UPLOADS = 2


class Workshop:
    """Seals frames and stores objects in the background. Use as a `with` block."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._sealers = ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="seal")
        self._uploaders = ThreadPoolExecutor(WAITING_UPLOADS, thread_name_prefix="upload")
        self._room = threading.Condition()
        self._unsealed_bytes = 0
        self._uploads: deque[Future[StoredObject]] = deque()
        self._stored: list[StoredObject] = []
        self.stored_chunks = 0  # in objects that were stored and not yet taken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # ORDER: sealers first; an upload that waits for a cancelled frame then ends by itself.
        self._sealers.shutdown(wait=True, cancel_futures=kind is not None)
        self._uploaders.shutdown(wait=True, cancel_futures=kind is not None)

    def seal(self, target: OpenObject, frame: Frame) -> None:
        """Add a frame to an object, sealed in the background; waits while too much is waiting already."""
        size = frame.size
        with self._room:
            self._room.wait_for(lambda: self._unsealed_bytes < UNSEALED_BYTES)
            self._unsealed_bytes += size
        sealing = self._sealers.submit(seal_frame, target.seal, target.next_number, frame.parts)
        target.add(frame, sealing)
        sealing.add_done_callback(lambda _: self._sealed(size))

    def _sealed(self, size: int) -> None:
        with self._room:
            self._unsealed_bytes -= size
            self._room.notify_all()

    def upload(self, finished: OpenObject) -> None:
        """Store an object in the background. Raises what an earlier upload failed with."""
        while len(self._uploads) >= WAITING_UPLOADS:
            self._settle()
        self._uploads.append(self._uploaders.submit(finished.store, self._backend))

    def settle(self) -> list[StoredObject]:
        """Everything handed in so far, stored. Raises what an upload failed with."""
        while self._uploads:
            self._settle()
        return self._stored

    def _settle(self) -> None:
        stored = self._uploads.popleft().result()
        self._stored.append(stored)
        self.stored_chunks += sum(len(note.lengths) for note in stored.directory.frames)

    def take_stored(self) -> list[StoredObject]:
        """Objects that were stored, each told of once; from now on they are the caller's to take back."""
        taken, self._stored, self.stored_chunks = self._stored, [], 0
        return taken

    def stored_names(self) -> list[str]:
        """Objects that were stored, for whoever gives up and cleans behind; call after the `with` block."""
        done = [upload for upload in self._uploads if not upload.cancelled() and upload.exception() is None]
        return [stored.ref.name for stored in [*self._stored, *(upload.result() for upload in done)]]
