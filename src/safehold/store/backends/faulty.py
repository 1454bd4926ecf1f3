"""A backend that goes wrong on order: fails, lags or lies at chosen operations. For tests and trials."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from safehold.core.errors import StoreFull, StoreUnavailable
from safehold.store.backends.contract import Backend, ObjectInfo, renaming


class Trouble(StrEnum):
    """What is wrong: FLIP and CUT are for `get`, FULL, UNSURE and FORGET for `put`, FAIL and LAG for all."""

    FAIL = "fail"  # StoreUnavailable, and nothing happened
    FULL = "full"  # StoreFull, and nothing happened
    LAG = "lag"  # it takes `lag_seconds` longer
    UNSURE = "unsure"  # StoreUnavailable, but the object was stored
    FORGET = "forget"  # said to be stored, but it was not
    FLIP = "flip"  # a bit in the middle of what is read is another
    CUT = "cut"  # the second half of what is read is missing


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble at the operation's calls number `first` to `last`, counted from 1; for ever without `last`.

    operation  "put", "get", "size", "list", "delete" or "rename"
    folder     only calls for names that begin so are counted
    """

    operation: str
    trouble: Trouble
    first: int = 1
    last: int | None = None
    folder: str = ""
    lag_seconds: float = 0.0


class FaultyBackend:
    """Another backend, with faults. Threads may share it; `mend` ends all trouble."""

    def __init__(
        self, inner: Backend, faults: Sequence[Fault], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._inner = inner
        self._faults = list(faults)
        self._sleep = sleep
        self._calls: Counter[int] = Counter()
        self._lock = threading.Lock()

    def mend(self) -> None:
        with self._lock:
            self._faults.clear()

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        trouble = self._trouble("put", name)
        if trouble is Trouble.FULL:
            raise StoreFull(f"no room left for {name}: a fault that was asked for")
        if trouble is Trouble.FORGET:
            return
        self._inner.put(name, parts)
        if trouble is Trouble.UNSURE:
            raise StoreUnavailable(f"no answer about {name}: a fault that was asked for")

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        trouble = self._trouble("get", name)
        data = self._inner.get(name, offset=offset, length=length)
        middle = len(data) // 2
        if trouble is Trouble.FLIP and data:
            return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        return data[:middle] if trouble is Trouble.CUT else data

    def size(self, name: str) -> int:
        self._trouble("size", name)
        return self._inner.size(name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._trouble("list", prefix)
        yield from self._inner.list(prefix)

    def delete(self, name: str) -> None:
        self._trouble("delete", name)
        self._inner.delete(name)

    @property
    def can_rename(self) -> bool:
        return renaming(self._inner) is not None

    def renames(self, name: str) -> bool:
        return renaming(self._inner, name) is not None

    def rename(self, name: str, new_name: str) -> None:
        self._trouble("rename", name)
        inner = renaming(self._inner, name)
        if inner is None:
            raise StoreUnavailable("this place cannot rename objects")
        inner.rename(name, new_name)

    def _trouble(self, operation: str, name: str) -> Trouble | None:
        fault = self._due(operation, name)
        if fault is None:
            return None
        if fault.trouble is Trouble.FAIL:
            raise StoreUnavailable(f"{operation} of {name} failed: a fault that was asked for")
        if fault.trouble is Trouble.LAG:
            self._sleep(fault.lag_seconds)
        return fault.trouble

    def _due(self, operation: str, name: str) -> Fault | None:
        found = None
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.operation != operation or not name.startswith(fault.folder):
                    continue
                self._calls[number] += 1
                if self._calls[number] >= fault.first and self._calls[number] <= (fault.last or 1 << 62):
                    found = found or fault
        return found
