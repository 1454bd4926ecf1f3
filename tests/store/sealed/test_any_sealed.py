"""Whatever stands inside a sealed record, a fragment, a kit or a lock: the one error, or what was written.

What is sealed was written by somebody who had the keys: an older or a newer program, or a faulty one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from safehold.core.errors import Damaged, KeyMismatch, KitError, ObjectMissing, RootKeyError
from safehold.core.secrets import read_root_key
from safehold.store.backends.contract import Version
from safehold.store.backends.local_locks import RETENTION, LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.retention import from_facts
from safehold.store.collect.journal import Part, Seen
from safehold.store.copies.id_map import IdMap, MapFolder
from safehold.store.custody.recovery_kit import make_kit, parse_kit
from safehold.store.fragments.stored_fragment import Head
from safehold.store.names import ObjectType
from safehold.store.sealed.frames import seal_frame
from safehold.store.sealed.keys import new_vault_keys
from safehold.store.sealed.objects import FrameKind, FrameNote, SealedObject, assemble
from safehold.store.sealed.record_folder import RecordFolder
from safehold.store.sealed.sealing import NewSeal
from safehold.store.writers.intent_folder import Intent, Revocation
from safehold.store.writers.tombstones import Announced, Decided, Spent, Trashed
from tests.store.fragments.test_stored_fragments import KEYS, MERGED, folder_on, index_of, true_places
from tests.store.properties import STEADY
from tests.store.test_any_bytes import any_bytes
from tests.store.vaults import VAULT_ID

OWN = (Damaged, KeyMismatch, ObjectMissing)
LONG = settings(
    STEADY,
    max_examples=int(os.environ.get("SAFEHOLD_HARMS", "2000")),
    suppress_health_check=list(HealthCheck),
)
NAME = "0" * 32


def put_sealed(backend: MemoryBackend, kind: ObjectType, name: str, frames: Iterable[bytes]) -> None:
    """An object of those plain frames, sealed as it should be."""
    seal = NewSeal(KEYS, VAULT_ID, kind, name)
    plain = list(frames)
    sealed = [seal_frame(seal, number, [frame]) for number, frame in enumerate(plain)]
    notes = [
        FrameNote(int(FrameKind.RECORD), len(one), [len(frame)], b"")
        for one, frame in zip(sealed, plain, strict=True)
    ]
    backend.delete(name)
    backend.put(name, assemble(seal, sealed, notes))


@pytest.mark.parametrize("kind", [Intent, Revocation, Announced, Trashed, Decided, Spent, Seen, Part])
def test_any_bytes_in_place_of_a_small_record(kind: type[msgspec.Struct]) -> None:
    backend = MemoryBackend()
    folder = RecordFolder(backend, KEYS, VAULT_ID, ObjectType.JOURNAL)

    @STEADY
    @given(any_bytes)
    @example(b"\x91" * 3000 + b"\x90")  # nested as deep as it goes
    @example(b"\x81\xa1\xff\xc0")  # text that is no UTF-8
    @example(b"\xdd\xff\xff\xff\xff")  # an array of four billion
    def check(data: bytes) -> None:
        put_sealed(backend, ObjectType.JOURNAL, ObjectType.JOURNAL.folder + NAME, [data])
        with suppress(Damaged):
            assert isinstance(folder.get(NAME, kind), kind)

    check()


def fragment_frames() -> tuple[str, list[bytes]]:
    backend = MemoryBackend()
    name = folder_on(backend).write(MERGED[:3]).name
    opened = SealedObject(backend, KEYS, VAULT_ID, name)
    return name, [opened.frame(number) for number in range(len(opened.directory.frames))]


FRAGMENT, FRAMES = fragment_frames()
HEAD = msgspec.to_builtins(msgspec.msgpack.decode(FRAMES[0], type=Head))
numbers = some.one_of(some.integers(-2, 70), some.integers(-(1 << 63), (1 << 64) - 1))
heads = some.tuples(
    some.sampled_from(sorted(HEAD)),
    some.one_of(
        numbers,
        some.lists(numbers, max_size=5),
        some.lists(some.tuples(some.text(max_size=9), some.binary(max_size=60)), max_size=3),
        some.lists(some.text(max_size=5), max_size=3),
    ),
).map(lambda change: msgspec.msgpack.encode({**HEAD, change[0]: change[1]}))
frames = some.one_of(
    some.tuples(some.just(0), some.one_of(heads, any_bytes)),
    some.tuples(
        some.integers(1, len(FRAMES) - 1),
        some.one_of(some.binary(max_size=300), some.sampled_from(FRAMES), some.just(b"")),
    ),
    some.tuples(some.integers(1, len(FRAMES) - 1), some.integers(0, 1 << 20)).map(
        lambda cut: (cut[0], FRAMES[cut[0]][: cut[1] % (len(FRAMES[cut[0]]) + 1)])
    ),
)


def read_fragment(change: tuple[int, bytes]) -> None:
    """Everything that reads an index, on a fragment of which one frame is another."""
    backend = MemoryBackend()
    number, frame = change
    put_sealed(backend, ObjectType.INDEX, FRAGMENT, [*FRAMES[:number], frame, *FRAMES[number + 1 :]])
    folder = folder_on(backend)
    loaded = folder.load()
    index = index_of(loaded.fragments)
    for identity in [*list(true_places(MERGED[:3]))[::90], bytes(32), b"\xff" * 32]:
        with suppress(*OWN):
            list(index.places(identity))
    for read in (
        lambda: [ref.name in index.covered for ref, _ in MERGED],
        lambda: [fragment.covers(ref) for fragment in loaded.fragments for ref, _ in MERGED],
        lambda: [sum(map(len, fragment.rows())) for fragment in loaded.fragments],
        lambda: [list(fragment.runs_of_names()) for fragment in loaded.fragments],
        lambda: folder.merge(loaded.fragments),
    ):
        with suppress(*OWN):
            read()


@STEADY
@given(frames)
def test_any_frame_in_place_of_one_of_a_fragment(change: tuple[int, bytes]) -> None:
    read_fragment(change)


@pytest.mark.soak
@LONG
@given(frames)
def test_thousands_of_frames_in_place_of_one_of_a_fragment(change: tuple[int, bytes]) -> None:
    read_fragment(change)


SOURCE = "a" * 32
TABLE = f"{ObjectType.ID_MAP.folder}{SOURCE}/{NAME}"
ROW = b"\x07" * 32 + b"t" * 32
MAP_HEAD = {"version": 1, "source_vault": SOURCE, "prefix": "", "rows": 1, "first_ids": [ROW[:32]]}
map_heads = some.tuples(
    some.sampled_from(sorted(MAP_HEAD)),
    some.one_of(numbers, some.text("0123456789abcdefg", max_size=70), some.lists(some.binary(max_size=40))),
).map(lambda change: msgspec.msgpack.encode({**MAP_HEAD, change[0]: change[1]}))
parts = some.one_of(some.just(ROW), some.binary(max_size=130), some.integers(0, 3).map(lambda n: ROW * n))


@STEADY
@given(some.lists(parts, max_size=3), some.one_of(map_heads, any_bytes), some.booleans())
@example([ROW], msgspec.msgpack.encode(MAP_HEAD), True)
@example([ROW[:-1]], msgspec.msgpack.encode(MAP_HEAD), True)
def test_any_frames_in_place_of_a_table_of_an_id_map(
    rows: list[bytes], head: bytes, is_laid_together: bool
) -> None:
    """A name or none, and whatever it is, other tables are found and go on being found."""
    backend = MemoryBackend()
    put_sealed(backend, ObjectType.ID_MAP, TABLE, [*rows, head])
    folder = MapFolder(backend, KEYS, VAULT_ID)
    for _ in range(20):
        folder.write(SOURCE, "", [b"s" * 32 + b"own" + bytes(29)])
    known = IdMap(folder, SOURCE)
    for asked in (bytes(32), ROW[:32], b"\xff" * 32):
        found = known.find(asked)
        assert found is None or len(found) == 32
    if is_laid_together:
        known.tend()
        known = IdMap(folder, SOURCE)
    assert (known.find(b"s" * 32) or b"")[:3] == b"own"


VAULT_KEYS = {VAULT_ID: new_vault_keys()}
KIT = make_kit(VAULT_KEYS, passphrase=None)
words = some.one_of(
    some.sampled_from(KIT),
    some.text(max_size=60),
    some.from_regex(r"[0-9]{1,12}[ :.]{1,3}[0-9a-f ]{0,60}", fullmatch=True),
    some.from_regex(r"end [0-9]{1,30} [0-9a-f]{0,10}", fullmatch=True),
)


@STEADY
@given(some.lists(words, max_size=8), some.integers(0, len(KIT)), some.integers(0, len(KIT)))
@example(["end 99999999 0000"], 0, 0)  # a slip of the pen: not a second of thought, nor a page of numbers
@example(["9" * 5000 + "  00 0000"], 0, len(KIT))
@example(["end " + "9" * 5000 + " 00"], 0, 0)
@example(["001" + " " * 200_000 + "!"], 0, len(KIT))
def test_any_lines_in_place_of_a_kit(extra: list[str], start: int, end: int) -> None:
    lines = [*KIT[:start], *extra, *KIT[end:]]
    told = ""
    try:
        assert parse_kit("\n".join(lines)).open(None) == VAULT_KEYS
    except KitError as error:
        told = str(error)
    assert len(told) < 2000


def test_any_bytes_in_place_of_a_root_key(tmp_path: Path) -> None:
    path = tmp_path / "root.key"

    @STEADY
    @given(some.one_of(any_bytes, some.binary(max_size=40).map(lambda raw: raw.hex().encode())))
    def check(found: bytes) -> None:
        path.write_bytes(found)
        with suppress(RootKeyError):
            read_root_key(path)

    check()


@pytest.fixture
def folder(tmp_path: Path) -> LockingLocalBackend:
    backend = LockingLocalBackend(LockingLocalBackend.create(tmp_path / "vault").root, may_be_immutable=False)
    backend.put("packs/a", [b"a"])
    return backend


def test_any_bytes_in_place_of_a_files_lock(folder: LockingLocalBackend) -> None:
    version = Version("packs/a", "", 1, is_marker=False)

    @STEADY
    @given(some.one_of(some.binary(max_size=60), some.text(max_size=30).map(str.encode)))
    @example(b"COMPLIANCE 2030-01-01T00:00:00")  # no time zone: no moment
    @example(b"GOVERNANCE 2030-01-01")
    @example(b"GOVERNANCE ")
    def check(found: bytes) -> None:
        os.setxattr(folder.root / "packs/a", RETENTION, found)
        for read in (lambda: folder.retention(version), lambda: folder.refuse_if_locked("packs/a")):
            with pytest.raises(Damaged):
                read()

    check()


@STEADY
@given(
    some.fixed_dictionaries(
        {},
        optional={
            "locked_until": some.text(max_size=30) | some.datetimes().map(lambda at: at.isoformat()),
            "lock_mode": some.text(max_size=9) | some.sampled_from(["GOVERNANCE", "COMPLIANCE"]),
        },
    )
)
def test_any_facts_of_a_lock_are_a_moment_or_nothing(facts: dict[str, str]) -> None:
    found = from_facts(facts)
    assert found is None or found.until.tzinfo is not None
