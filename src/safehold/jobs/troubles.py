"""What went wrong with single items of a job: counted, the first ones kept, told in the job's message."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Any

KEPT = 100
TOLD = 3


@dataclass(slots=True)
class Troubles:
    """`add` may be called from several threads."""

    count: int = 0
    kept: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: bytes, what: str) -> None:
        with self._lock:
            self.count += 1
            if len(self.kept) < KEPT:
                self.kept.append((shown(path), what))

    def message(self, could_not: str) -> str | None:
        """One sentence for the job's message; None when all went well."""
        if not self.count:
            return None
        told = "; ".join(f"{path}: {what}" for path, what in self.kept[:TOLD])
        more = f"; and {self.count - TOLD} more" if self.count > TOLD else ""
        return f"{self.count} item{'s' if self.count > 1 else ''} {could_not}: {told}{more}"

    def facts(self) -> dict[str, Any]:
        return {"troubled_items": self.count, "troubles": [list(each) for each in self.kept]}


def shown(path: bytes) -> str:
    """A path for people and JSON: bytes that are no UTF-8 as backslash escapes, the root as a slash."""
    return os.fsdecode(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") or "/"
