"""Notes that a later version wrote, or that belong to another object, are refused not half understood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from safehold.core.errors import Damaged
from safehold.store.backends.tiers import label_of
from safehold.store.index import condemned, labels
from safehold.store.sealed.objects import Directory
from safehold.store.soundness import checks

COLD_NAME = "cold/" + "1" * 32
LABEL = labels.Label(
    version=labels.VERSION,
    object=COLD_NAME,
    header=b"h" * 48,
    size_bytes=9,
    sha256=b"s" * 32,
    directory=Directory(1, []),
)
NOTE = condemned.CondemnedNote(
    version=condemned.NOTE_VERSION, object="packs/a", frames=[1], found_at=2, why="it is damaged"
)
CHECKED = {"version": checks.CHECKS_VERSION, "entries": [["packs/a", 1, 2]]}


def test_a_label_names_its_own_object_alone() -> None:
    data = labels.encode_label(LABEL)
    assert labels.decode_label(data, label_of(COLD_NAME)) == LABEL
    with pytest.raises(Damaged, match=f"it is the label of {COLD_NAME}"):
        labels.decode_label(data, label_of("cold/" + "2" * 32))


@pytest.mark.parametrize(
    ("data", "decode", "name"),
    [
        (labels.encode_label(LABEL), labels.decode_label, label_of(COLD_NAME)),
        (condemned.encode_note(NOTE), condemned.decode_note, "condemned/a"),
        (msgspec.msgpack.encode(CHECKED), checks.decode_checks, "checks/a"),
    ],
    ids=["label", "condemned", "checks"],
)
def test_what_a_later_version_wrote_is_refused(
    data: bytes, decode: Callable[[bytes, str], Any], name: str
) -> None:
    decode(data, name)
    told = msgspec.msgpack.decode(data)
    later = msgspec.msgpack.encode({**told, "version": told["version"] + 1})
    for wrong in (later, data[:-1], b""):
        with pytest.raises(Damaged):
            decode(wrong, name)
    with pytest.raises(Damaged, match=r"version 2 (is|are) not known here"):
        decode(later, name)
