"""What was asked of a restore job, frozen when the job is made.

`Job.request` holds it as JSON; `to_json` and `from_json` are the only two who know that form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from safehold.core.errors import InvalidParameterValue, MissingParameterValue

ITEMS_KEY = "ItemsToRestore"
MAX_METADATA_BYTES = 200 * 1024  # Source: AWS Backup Developer Guide, "Restoring an EFS file system"
STRICT_MAX_ITEMS = 5  # of S3 and EFS on AWS


@dataclass(frozen=True, slots=True)
class RestoreJobRequest:
    """metadata                   AWS's string map as the caller wrote it; read it through `value_of`
    items                      paths below the point's root, "/"-separated; names that are no UTF-8 carry
                               lone surrogates, as Python's file system names do; empty: everything
    recovery_point_created_at  `moment` of it, so that it sorts as text
    copy_source_tags           put the source's tags on what is made
    restore_testing_plan_arn   the plan whose test this restore is; listings find it by this name
    validation_window_hours    of a test: how long what it made is kept for somebody to look at it
    """

    metadata: dict[str, str]
    items: tuple[str, ...]
    recovery_point_id: str
    recovery_point_created_at: str
    copy_source_tags: bool = False
    restore_testing_plan_arn: str | None = None
    validation_window_hours: int = 0

    def paths(self) -> list[bytes]:
        """The items as a recovery point's tree spells them."""
        return [item.encode("utf-8", "surrogateescape") for item in self.items]

    def to_json(self) -> dict[str, Any]:
        """The form in which `Job.request` keeps it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @staticmethod
    def from_json(request: Mapping[str, Any]) -> RestoreJobRequest:
        """The request of a job row; members that this version does not know are left out."""
        return msgspec.convert(dict(request), RestoreJobRequest)


def value_of(metadata: Mapping[str, str], key: str) -> str | None:
    """The value under that key however the caller spelled it: guides and samples mix cases."""
    return next((value for name, value in metadata.items() if name.lower() == key.lower()), None)


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise InvalidParameterValue or MissingParameterValue for metadata that no restore can mean."""
    if not metadata:
        raise MissingParameterValue("Metadata must not be empty")
    if len(json.dumps(dict(metadata))) > MAX_METADATA_BYTES:
        raise InvalidParameterValue(f"Metadata is larger than {MAX_METADATA_BYTES} bytes")
    if len({key.lower() for key in metadata}) < len(metadata):
        raise InvalidParameterValue("Metadata holds a key twice; keys differ by more than their case")
    is_new = value_of(metadata, "newFileSystem")
    if is_new is not None and is_new.lower() not in ("true", "false"):
        raise InvalidParameterValue(f"newFileSystem is either true or false, not {is_new!r}")


def items_of(metadata: Mapping[str, str], *, max_items: int | None = None) -> tuple[str, ...]:
    """The paths in `ItemsToRestore`, normalised; none when everything is meant.

    Raises InvalidParameterValue unless it is a JSON array of paths below the root.
    """
    text = value_of(metadata, ITEMS_KEY)
    if text is None or not text.strip():
        return ()
    items = _json_strings(text)
    if max_items is not None and len(items) > max_items:
        raise InvalidParameterValue(f"{ITEMS_KEY} holds at most {max_items} paths")
    paths = [_path(item) for item in items]
    return () if "" in paths else tuple(dict.fromkeys(paths))


def _json_strings(text: str) -> list[str]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameterValue(f"{ITEMS_KEY} is not a JSON array: {error}") from error
    if not isinstance(items, list) or not items or not all(isinstance(item, str) for item in items):
        raise InvalidParameterValue(f'{ITEMS_KEY} must be a JSON array of paths, as in ["/folder/file"]')
    return items


def _path(item: str) -> str:
    """Without slashes at its ends and without empty or `.` parts; "" is the root."""
    parts = [part for part in item.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in item or not item:
        raise InvalidParameterValue(f"{ITEMS_KEY}: {item!r} is not a path below the root")
    return "/".join(parts)
