"""What jobs that look into points need besides the catalog and the vaults."""

from __future__ import annotations

from dataclasses import dataclass

from safehold.records.searches import Box


@dataclass(frozen=True, slots=True)
class Looking:
    """results            seals what searches find
    delivery_endpoint  of the object store that exports go to; None: AWS's own
    """

    results: Box
    delivery_endpoint: str | None = None
