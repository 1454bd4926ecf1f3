"""Work that takes long, done beside what calls for it, again and again and never twice at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Aside:
    """One thread at a time. Those who `start` do so from one thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None

    def start(self, work: Callable[[], object]) -> None:
        """Begin, unless it is going on already. It does not keep the process from ending."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=work, name=self._name, daemon=True)
            self._thread.start()

    def join(self) -> None:
        """What was begun is done."""
        if self._thread is not None:
            self._thread.join()
