"""A vault that has an object of every kind that the store knows; and ways to harm one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import strategies as some

from safehold.domain.items import PreviousTree
from safehold.store.collect.undeleting import undelete
from safehold.store.custody.key_rotation import reepoch
from safehold.store.soundness import checking
from safehold.store.upkeep.scrub import scrub
from safehold.store.writing import session
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.custody.test_key_rotation import OLD
from tests.store.vaults import VAULT_ID, Tree, TreeSource, back_up


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREES: dict[str, Tree] = {
    "kept": {b"large": noise(1, 30_000), b"d": {b"%03d" % n: b"%d" % n * 40 for n in range(120)}},
    "small": {b"large": noise(1, 30_000), b"own": b"combined"},
    "gone": {b"large": noise(2, 30_000)},
    "going": {b"large": noise(3, 30_000)},
    "back": {b"large": noise(4, 30_000)},
    "damaged": {b"file": noise(5, 5000)},
}
STAY = ("kept", "small", "back")


def make_world() -> VaultWorld:
    """The same each time but for names, keys and nonces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "COMBINED_BYTES", 20_000)  # above that a point has packs
        patch.setattr(checking, "PAUSE_SECONDS", 0)
        return _make_world()


def _make_world() -> VaultWorld:
    world = VaultWorld()
    for point in ("kept", "gone", "back", "going", "damaged"):
        back_up(world.store(), point, TREES[point])
    back_up(world.store(), "small", TREES["small"], previous="kept")
    world.store().amend("kept", "tags", {"a": "b"}, written_at=world.now)
    reepoch(world.backend, VAULT_ID, OLD)
    silent(world)
    for point in ("gone", "back"):
        world.delete(point)
    for _ in range(4):  # announced, then into the trash; the writer that fell silent is revoked on the way
        world.wait(DAY + timedelta(hours=1))
        world.collect()
    undelete(world.store(), points=["back"], now=world.now)
    world.delete("gone")
    world.delete("going")
    for _ in range(3):
        world.wait(DAY + timedelta(hours=1))
        world.collect()
    damage(world)
    silent(world)
    world.store().compact_index()
    return world


def silent(world: VaultWorld) -> None:
    """A writer that has announced itself, stored something, and is never heard of again."""
    store = world.store()
    opened = store.session()
    opened.__enter__()
    store.take_in(opened, TreeSource({b"x": b"y"}, PreviousTree()), PreviousTree(), advance=lambda i, b: None)


def damage(world: VaultWorld) -> None:
    """A scrub condemns the point `damaged`, and has read all the others."""
    objects = world.backend.objects  # type: ignore[attr-defined]
    name = "points/damaged"
    whole = objects[name]
    objects[name] = whole[:60] + bytes([whole[60] ^ 1]) + whole[61:]
    scrub(world.store(), budget_bytes=1 << 30, clock=world.clock)


@some.composite
def harm(draw: some.DrawFn, whole: Mapping[str, bytes]) -> tuple[str, bytes | None]:
    """An object's name and what stands there instead, or None when it is gone: pieces of what was right, any
    bytes; or the name of a stranger."""
    folder = draw(some.sampled_from(sorted({name.split("/")[0] for name in whole})))
    names = sorted(name for name in whole if name.startswith(f"{folder}/"))
    name = names[draw(some.integers(0, 1000)) % len(names)]
    data = whole[name]
    how = draw(some.sampled_from(["flip", "cut", "any", "splice", "swap", "neighbour", "lose", "stranger"]))
    at = draw(some.integers(0, len(data) - 1))
    others = names if how == "neighbour" else sorted(whole)
    other = whole[others[draw(some.integers(0, 1000)) % len(others)]]
    if how == "stranger":
        return f"{folder}/{draw(STRANGERS)}", draw(some.sampled_from([b"", b"what is this", data]))
    harmed = {
        "flip": data[:at] + bytes([data[at] ^ 1 << draw(some.integers(0, 7))]) + data[at + 1 :],
        "cut": data[:at],
        "any": draw(some.binary(max_size=200)),
        "splice": data[:at] + other[min(at, len(other)) :],
        "swap": other,
        "neighbour": other,
        "lose": None,
    }
    return name, harmed[how]


STRANGERS = some.sampled_from(
    [
        *(".DS_Store", "lost+found", "0", "-1", "x.y", "00000001", "00000001.announced.old", "99999999"),
        *("a/b/c", "00000001/packs/x", "1.0001", "kept", "kept/00000009", "\u0661.\u0661", "9" * 30),
        *("9" * 30 + ".announced", "9" * 30 + "/packs/x", "0" * 32 + ".1", "f" * 32, "%s"),
    ]
)
