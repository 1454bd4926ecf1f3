"""What went wrong with single items of a job: counted, the first ones kept, told in the job's message."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

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
                self.kept.append((shown(path), storable(what)))

    def message(self, could_not: str) -> str | None:
        """One sentence for the job's message; None when all went well."""
        if not self.count:
            return None
        told = "; ".join(f"{path}: {what}" for path, what in self.kept[:TOLD])
        more = f"; and {self.count - TOLD} more" if self.count > TOLD else ""
        return f"{self.count} item{'s' if self.count > 1 else ''} {could_not}: {told}{more}"

    def facts(self) -> dict[str, Any]:
        return {"troubled_items": self.count, "troubles": [list(each) for each in self.kept]}

    def to_text(self) -> str:
        """As a recovery point's record keeps them: an attempt that finds the record tells them too."""
        with self._lock:
            return json.dumps(self.facts(), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        facts = json.loads(text)
        return cls(facts["troubled_items"], [(path, what) for path, what in facts["troubles"]])


def shown(path: bytes) -> str:
    """A path for people and JSON: bytes that are no UTF-8 as backslash escapes, the root as a slash."""
    return path.decode("utf-8", "backslashreplace") or "/"


def storable(text: str) -> str:
    """The text as databases and JSON take it: what is no Unicode, and the zero character, as escapes."""
    try:
        data = text.encode("utf-8", "surrogateescape")  # what the system's names are made of
    except UnicodeEncodeError:
        data = text.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def all_storable(value: Any) -> Any:
    """The same for all texts in a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(name): all_storable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [all_storable(each) for each in value]
    return value
