"""A lifecycle's two spellings: the wire's, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.domain.lifecycle import DeleteAfterEvent, Lifecycle


def read(wire: Mapping[str, Any] | None) -> Lifecycle | None:
    """The lifecycle that a request asks for; None when it names none."""
    if wire is None:
        return None
    event = wire.get("DeleteAfterEvent")
    return Lifecycle(
        move_to_cold_storage_after_days=wire.get("MoveToColdStorageAfterDays"),
        delete_after_days=wire.get("DeleteAfterDays"),
        opt_in_to_archive=wire.get("OptInToArchiveForSupportedResources"),
        delete_after_event=None if event is None else DeleteAfterEvent(event),
    )


def shown(lifecycle: Lifecycle | None) -> dict[str, Any] | None:
    """As answers carry it, without members that were not given; None for none."""
    if lifecycle is None:
        return None
    members = {
        "MoveToColdStorageAfterDays": lifecycle.move_to_cold_storage_after_days,
        "DeleteAfterDays": lifecycle.delete_after_days,
        "OptInToArchiveForSupportedResources": lifecycle.opt_in_to_archive,
        "DeleteAfterEvent": lifecycle.delete_after_event,
    }
    return {name: value for name, value in members.items() if value is not None}
