from __future__ import annotations

from pathlib import Path

from safehold.store.backends.contract import Backend
from safehold.store.backends.memory import MemoryBackend
from tests.store.backends.contract import BackendContract


class TestMemoryBackend(BackendContract):
    def make(self, folder: Path) -> Backend:
        return MemoryBackend()
