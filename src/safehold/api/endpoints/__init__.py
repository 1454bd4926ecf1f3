"""The endpoints of `/_safehold/v1`, a subject a file. `SUBJECTS` is the whole list; nothing is scanned."""

from __future__ import annotations

from functools import cache
from importlib import import_module

SUBJECTS: tuple[str, ...] = ("events", "status")


@cache
def load() -> None:
    """Every subject's endpoints are registered."""
    for subject in SUBJECTS:
        import_module(f"{__name__}.{subject}")
