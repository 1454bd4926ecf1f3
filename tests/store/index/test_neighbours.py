"""Places of chunks beside others that were asked for: fewer lookups, the same answers."""

from __future__ import annotations

import random

from safehold.store.backends.memory import MemoryBackend
from safehold.store.fragments.places import Place
from safehold.store.index.index import Index
from safehold.store.index.neighbours import ASKED_FOR, KEPT_FRAMES, Neighbours
from tests.store.vaults import Tree, back_up, folder_names, open_store

TREE: Tree = {b"%03d" % n: {b"f": b"content %d" % n} for n in range(300)}


def places_of(backend: MemoryBackend) -> dict[bytes, Place]:
    """The place of every page of the one tree object."""
    store = open_store(backend)
    (name,) = folder_names(backend, "trees/")
    ids = [i for note in store.object(name).directory.frames for i in _split(note.ids)]
    return {identity: next(store.index().places(identity)) for identity in ids}


def _split(ids: bytes) -> list[bytes]:
    return [ids[start : start + 32] for start in range(0, len(ids), 32)]


def a_vault() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", {**TREE, b"large": random.Random(1).randbytes(2 << 20)})
    return backend


def test_whoever_asks_for_few_chunks_learns_of_no_others() -> None:
    backend = a_vault()
    known = places_of(backend)
    opened: list[str] = []
    near = Neighbours(lambda name: (opened.append(name), open_store(backend).object(name))[1])
    for place in list(known.values())[: ASKED_FOR - 1]:
        near.note(place)
    assert not opened
    assert all(near.find(identity) is None for identity in known)


def test_after_many_the_rest_of_the_frame_is_known_and_where_the_index_has_it() -> None:
    backend = a_vault()
    known = places_of(backend)
    near = Neighbours(open_store(backend).object)
    for place in list(known.values())[:ASKED_FOR]:
        near.note(place)
    frame = list(known.values())[ASKED_FOR - 1].frame
    expected = {identity: place for identity, place in known.items() if place.frame == frame}
    assert len(expected) > ASKED_FOR
    assert {identity: near.find(identity) for identity in expected} == expected


def test_an_object_that_cannot_be_opened_is_left_to_the_index() -> None:
    known = places_of(a_vault())
    near = Neighbours(open_store(MemoryBackend()).object)
    for place in list(known.values())[: 2 * ASKED_FOR]:
        near.note(place)
    assert all(near.find(identity) is None for identity in known)


def test_only_the_frames_that_were_asked_for_last_are_kept() -> None:
    backend = MemoryBackend()
    noise = random.Random(2)
    back_up(open_store(backend), "p", {b"%05d" % n: noise.randbytes(30_000) for n in range(1000)})
    store = open_store(backend)
    near = Neighbours(store.object)
    (name,) = folder_names(backend, "packs/")
    frames = [_split(note.ids) for note in store.object(name).directory.frames]
    assert len(frames) > KEPT_FRAMES
    for ids in frames:
        for identity in ids[:ASKED_FOR]:
            near.note(next(store.index().places(identity)))
    assert near.find(frames[-1][-1]) == next(store.index().places(frames[-1][-1]))
    assert near.find(frames[0][-1]) is None


def test_a_walk_asks_the_index_far_less_often_than_it_reads_pages() -> None:
    backend = a_vault()
    store = open_store(backend)
    asked: list[bytes] = []
    places = Index.places

    class Counting(Index):
        def places(self, chunk_id: bytes):  # type: ignore[no-untyped-def]
            asked.append(chunk_id)
            return places(self, chunk_id)

    store.index().__class__ = Counting
    assert len(list(store.tree(store.point("p")).walk())) == 301
    assert len(asked) < 3 * ASKED_FOR


def test_a_neighbour_that_is_known_to_be_damaged_is_not_given_again() -> None:
    backend = a_vault()
    known = places_of(backend)
    store = open_store(backend)
    chunks = store.chunks()
    for identity in known:
        chunks.read(identity)
    identity, place = list(known.items())[-1]
    assert chunks.places(identity) == [place]
    store.index().condemn(place)
    assert chunks.places(identity) == []
