"""What jobs that look into points need besides the catalog and the vaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safehold.records.searches import Box


@dataclass(frozen=True, slots=True)
class Looking:
    """results            seals what searches find
    scratch            a folder on a disk with room: large items that are scanned lie there for a moment
    delivery_endpoint  of the object store that exports go to; None: AWS's own
    rules              a folder with scan rules besides those that ship
    largest_bytes      an item beyond that is not scanned
    """

    results: Box
    scratch: Path
    delivery_endpoint: str | None = None
    rules: Path | None = None
    largest_bytes: int = 64 << 30
