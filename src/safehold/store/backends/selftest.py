"""What an object store can, asked of it before a vault is put there: by doing it, not by its name.

Stores differ in what they promise and in what they keep: some take a condition and ignore it, some say that
they lock and let go. A vault on such a store would be lost one day; so it is refused on the first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from safehold.core.clock import Clock, SystemClock
from safehold.core.errors import ConfigError, ObjectExists, ObjectLocked, ObjectMissing, StoreUnavailable
from safehold.core.ids import new_id
from safehold.store.backends.contract import LockMode, Retention, Version
from safehold.store.backends.s3 import S3Backend
from safehold.store.backends.s3_connection import S3Place, converted
from safehold.store.backends.s3_locks import LockingS3Backend, open_s3

FOLDER = "selftest"  # beside the vaults; what is locked in it is deleted by a later test
LOCKED_FOR = timedelta(seconds=20)  # long enough for a store whose clock is some seconds ahead of ours
WRITERS = 6
TEN = b"0123456789"
WRONG_CHECKSUM = "A" * 43 + "="


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a store was seen to do.

    decides_races      one conditional put of a name wins, the others are refused
    reads_ranges       a part of an object is read as just that part
    lists_at_once      what was put is in the next listing, what was deleted is not
    checks_bytes       a body that does not fit its checksum is refused
    keeps_versions     names have versions
    says_it_locks      the bucket was made with object lock
    locks              ... and keeps what is locked: from deletion, and from a shorter retention
    default_retention  what the bucket does to every object by itself, as "GOVERNANCE 30 days"; None: nothing
    """

    decides_races: bool = True
    reads_ranges: bool = True
    lists_at_once: bool = True
    checks_bytes: bool = True
    keeps_versions: bool = False
    says_it_locks: bool = False
    locks: bool = False
    default_retention: str | None = None


def require(found: Abilities, place: S3Place) -> None:
    """Vaults can be put there. Raises ConfigError with what is lacking, and what to do."""
    lacks = {
        "decides no races between conditional puts (If-None-Match)": found.decides_races,
        "does not read parts of objects": found.reads_ranges,
        "does not list what was just put": found.lists_at_once,
        "says that it locks objects and lets them go": found.locks or not found.says_it_locks,
    }
    for what, is_well in lacks.items():
        if not is_well:
            raise _refused(f"{place}: the store {what}", "Vaults are not safe there: take another store.")
    if found.default_retention is not None:
        raise _refused(
            f"{place}: the bucket locks every object by itself ({found.default_retention})",
            "Take its default retention away and keep object lock: Safehold locks what must be locked, "
            "and its working state must not be.",
        )


def _refused(message: str, hint: str) -> ConfigError:
    error = ConfigError(message)
    error.hint = hint
    return error


def self_test(place: S3Place, *, clock: Clock | None = None) -> Abilities:
    """What the store does with some small objects beside the vaults, at `place`.

    Leaves nothing but, in a bucket with object lock, one that can be deleted 20 seconds later; the next
    test does. Raises StoreUnavailable, StoreDenied, ConfigError.
    """
    backend = open_s3(place.below(FOLDER))
    keeps_versions = isinstance(backend, LockingS3Backend)
    default = default_retention(backend) if keeps_versions else None
    if default is not None:
        return Abilities(keeps_versions=True, says_it_locks=True, locks=True, default_retention=default)
    names = [f"{new_id()}/{step}" for step in ("put", "race", "part", "wrong", "lock")]
    try:
        return Abilities(
            decides_races=_refuses_second(backend, names[0]) and _lets_one_win(backend, names[1]),
            reads_ranges=_reads_ranges(backend, names[2]),
            lists_at_once=_lists_at_once(backend, names[2]),
            checks_bytes=_checks_bytes(backend, names[3]),
            keeps_versions=keeps_versions,
            says_it_locks=_says_it_locks(backend),
            locks=_locks(backend, names[4], clock or SystemClock()),
        )
    finally:
        _clean_up(backend)


def _says_it_locks(backend: S3Backend) -> bool:
    return isinstance(backend, LockingS3Backend) and backend.can_lock


def default_retention(backend: S3Backend) -> str | None:
    """What the bucket does to every object by itself, as "GOVERNANCE 30 days"; None: nothing."""
    if not _says_it_locks(backend):
        return None
    with converted("asking for the default retention", backend.place):
        answer = backend.client.get_object_lock_configuration(Bucket=backend.place.bucket)
    rule = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    if "Mode" not in rule:
        return None
    length = f"{rule['Days']} days" if rule.get("Days") else f"{rule.get('Years')} years"
    return f"{rule['Mode']} {length}"


def _refuses_second(backend: S3Backend, name: str) -> bool:
    backend.put(name, [TEN])
    try:
        backend.put(name, [b"another"])
    except ObjectExists:
        return backend.get(name) == TEN
    return False


def _lets_one_win(backend: S3Backend, name: str) -> bool:
    won: list[int] = []
    start = threading.Barrier(WRITERS)

    def write(number: int) -> None:
        start.wait()
        with suppress(ObjectExists, StoreUnavailable):
            backend.put(name, [b"%d" % number])
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(won) == 1 and backend.get(name) == b"%d" % won[0]


def _reads_ranges(backend: S3Backend, name: str) -> bool:
    backend.put(name, [TEN])
    return backend.get(name, offset=2, length=3) == TEN[2:5] and backend.get(name, offset=-2) == TEN[-2:]


def _lists_at_once(backend: S3Backend, name: str) -> bool:
    folder = name.rpartition("/")[0] + "/"
    is_there = any(info.name == name for info in backend.list(folder))
    backend.delete(name)
    return is_there and all(info.name != name for info in backend.list(folder))


def _checks_bytes(backend: S3Backend, name: str) -> bool:
    key = backend.place.prefix + name
    with converted("trying a wrong checksum", backend.place), suppress(ClientError):
        backend.client.put_object(
            Bucket=backend.place.bucket, Key=key, Body=TEN, ChecksumSHA256=WRONG_CHECKSUM
        )
        return False
    return True


def _locks(backend: S3Backend, name: str, clock: Clock) -> bool:
    if not isinstance(backend, LockingS3Backend) or not backend.can_lock:
        return False
    until = clock.now().replace(microsecond=0) + LOCKED_FOR
    backend.put_locked(name, [TEN], Retention(LockMode.COMPLIANCE, until))
    (version,) = backend.versions_of(name)
    _try_to_shorten(backend, version, until - LOCKED_FOR / 2)
    kept = backend.retention(version)
    return kept is not None and kept.until >= until and _is_refused(lambda: backend.delete_version(version))


def _try_to_shorten(backend: LockingS3Backend, version: Version, until: datetime) -> None:
    with converted("trying to shorten a lock", backend.place), suppress(ClientError):
        backend.client.put_object_retention(
            Bucket=backend.place.bucket,
            Key=backend.place.prefix + version.name,
            VersionId=version.id,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
            BypassGovernanceRetention=True,
        )


def _is_refused(work: Callable[[], None]) -> bool:
    try:
        work()
    except ObjectLocked:
        return True
    return False


def _clean_up(backend: S3Backend) -> None:
    """This test's objects and those of earlier ones, as far as they can be deleted now."""
    with suppress(StoreUnavailable):
        for info in backend.list(""):
            with suppress(ObjectLocked, ObjectMissing):
                backend.delete(info.name)
