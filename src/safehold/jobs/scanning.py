"""Content of a recovery point held against rules: a restore whose target looks instead of writing.

Small items are scanned where they are, in memory. A large one is put together in a temporary file, which the
scanner maps: so rules see the whole item, and memory stays bounded. That file has no name, so that nothing of
it is left when the worker dies. No more than one window of a restore and the items begun in it lie there at
a time.
"""

from __future__ import annotations

import base64
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.core.errors import StoreFull
from safehold.domain.items import Item
from safehold.jobs.scan_rules import RuleSet
from safehold.jobs.troubles import shown

if TYPE_CHECKING:
    import yara_x

ITEM_SECONDS = 600  # a rule that takes longer on one item is given up there, and the item is told
KEPT_FINDINGS = 1000

Skip = Callable[[bytes, str], None]


@dataclass(slots=True)
class Findings:
    """`add` may be called from several threads. kept: (path, rules), the first ones."""

    count: int = 0
    kept: list[tuple[bytes, list[str]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: bytes, rules: list[str]) -> None:
        with self._lock:
            self.count += 1
            if len(self.kept) < KEPT_FINDINGS:
                self.kept.append((path, rules))

    def told(self) -> list[list[str]]:
        """[path, rule, rule, ...] each, for people."""
        return [[shown(path), *rules] for path, rules in sorted(self.kept)]

    def raw_paths(self) -> list[str]:
        """The same paths as base64 of their bytes, which need be no text."""
        return [base64.b64encode(path).decode() for path, _ in sorted(self.kept)]


class ScanTarget:
    """See store.restoring.Target: what would be written is scanned. Threads may share it.

    largest_bytes  an item beyond that is told to `skip` and not scanned
    """

    def __init__(self, rules: RuleSet, folder: Path, *, largest_bytes: int, skip: Skip) -> None:
        self.findings = Findings()
        self._rules = rules
        self._folder = folder
        self._largest_bytes = largest_bytes
        self._skip = skip
        self._scanners = threading.local()

    def make(self, path: bytes, item: Item) -> None:
        """A folder or a link holds nothing to scan."""

    def write_whole(self, batch: Sequence[tuple[bytes, Item, bytes]]) -> None:
        for path, item, data in batch:
            if self._is_too_large(path, item):
                continue
            self._look(path, lambda scanner, data=data: scanner.scan(bytes(data)))  # type: ignore[misc]

    def open(self, path: bytes, item: Item) -> _Piecewise | _Unscanned:
        return _Unscanned() if self._is_too_large(path, item) else _Piecewise(self, path, item)

    def look_at_file(self, path: bytes, descriptor: int) -> None:
        self._look(path, lambda scanner: scanner.scan_file(f"/dev/fd/{descriptor}"))

    @property
    def folder(self) -> Path:
        return self._folder

    def _is_too_large(self, path: bytes, item: Item) -> bool:
        if item.size_bytes <= self._largest_bytes:
            return False
        self._skip(path, f"has {item.size_bytes} bytes, more than `scan_largest_bytes` allows")
        return True

    def _look(self, path: bytes, scan: Callable[[yara_x.Scanner], yara_x.ScanResults]) -> None:
        import yara_x

        try:
            found = sorted(rule.identifier for rule in scan(self._scanner()).matching_rules)
        except (yara_x.ScanError, yara_x.TimeoutError) as error:
            self._skip(path, f"could not be scanned: {error}")
            return
        if found:
            self.findings.add(path, found)

    def _scanner(self) -> yara_x.Scanner:
        """Each thread's own."""
        import yara_x

        scanner: yara_x.Scanner | None = getattr(self._scanners, "one", None)
        if scanner is None:
            scanner = self._scanners.one = yara_x.Scanner(self._rules.rules)
            scanner.set_timeout(ITEM_SECONDS)
        return scanner


class _Piecewise:
    """A large item, put together in a temporary file. Raises StoreFull when there is no room for it."""

    def __init__(self, target: ScanTarget, path: bytes, item: Item) -> None:
        self._target = target
        self._path = path
        try:
            self._file = tempfile.TemporaryFile(dir=target.folder)  # noqa: SIM115  closed by finish or abandon
            self._file.truncate(item.size_bytes)  # holes of the item are holes of the file
        except OSError as error:
            raise self._no_room(error) from error

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        try:
            self._file.seek(offset)
            self._file.write(data)
        except OSError as error:
            raise self._no_room(error) from error

    def finish(self) -> None:
        with self._file:
            self._file.flush()
            self._target.look_at_file(self._path, self._file.fileno())

    def abandon(self) -> None:
        """Its bytes cannot be had, which the store tells."""
        self._file.close()

    def _no_room(self, error: OSError) -> StoreFull:
        return StoreFull(
            f"cannot put {shown(self._path)} together in {self._target.folder}: {error.strerror}"
        )


class _Unscanned:
    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        pass

    def finish(self) -> None:
        pass

    def abandon(self) -> None:
        pass
