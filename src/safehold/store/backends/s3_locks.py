"""A bucket that keeps versions, and locks them if it was made for that.

A plain deletion there leaves a mark, and a plain put on a name another version; neither touches what was
there, and the store refuses to delete a locked version. Our own deletions name the version.
Source: Amazon S3 User Guide, "Locking objects with Object Lock", "Deleting object versions".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from safehold.core.errors import ObjectLocked, ObjectMissing, StoreDenied, StoreUnavailable
from safehold.store.backends.contract import LockMode, Retention, Version
from safehold.store.backends.retention import is_enough, strongest
from safehold.store.backends.s3 import MULTIPART_BYTES, LockArguments, S3Backend
from safehold.store.backends.s3_archive import VersionArguments
from safehold.store.backends.s3_connection import DENIED, S3Place, code_of, connect, converted

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

NO_LOCK = {"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"}
NOT_KNOWN = {"501", "NotImplemented", "405", "MethodNotAllowed"}  # stores without versions or locks
REFUSED = DENIED | {"InvalidRequest", "ObjectLocked", "MethodNotAllowed", "400"}


def open_s3(place: S3Place) -> S3Backend:
    """The bucket as what it is: with versions, with locks, or plain. Raises ConfigError, StoreUnavailable."""
    client = connect(place)
    if not _keeps_versions(client, place):
        return S3Backend(place, client)
    return LockingS3Backend(place, client, can_lock=_is_made_for_locks(client, place))


def _keeps_versions(client: S3Client, place: S3Place) -> bool:
    with converted("asking for the bucket's versioning", place):
        try:
            # A bucket whose versioning was suspended still has the versions from before.
            return client.get_bucket_versioning(Bucket=place.bucket).get("Status") is not None
        except ClientError as error:
            if code_of(error) in NOT_KNOWN:
                return False
            raise


def _is_made_for_locks(client: S3Client, place: S3Place) -> bool:
    with converted("asking for the bucket's object lock", place):
        try:
            answer = client.get_object_lock_configuration(Bucket=place.bucket)
        except ClientError as error:
            if code_of(error) in NO_LOCK | NOT_KNOWN:
                return False
            raise
    return answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"


class LockingS3Backend(S3Backend):
    """As S3Backend, where names may have versions."""

    keeps_versions = True

    def __init__(
        self,
        place: S3Place,
        client: S3Client,
        *,
        can_lock: bool,
        multipart_bytes: int = MULTIPART_BYTES,
    ) -> None:
        super().__init__(place, client, multipart_bytes=multipart_bytes)
        self.can_lock = can_lock

    def holds_anything(self) -> bool:
        """As before; what others marked as deleted is there."""
        with converted("looking for objects", self.place):
            found = self.client.list_object_versions(
                Bucket=self.place.bucket, Prefix=self.place.prefix, MaxKeys=1
            )
            return bool(found.get("Versions") or found.get("DeleteMarkers"))

    def delete(self, name: str) -> None:
        # ORDER: marks last: as long as a version is there, a mark may be all that hides it.
        for version in sorted(self.versions_of(name), key=lambda version: version.is_marker):
            self.delete_version(version)

    def _read_version(self, name: str) -> VersionArguments:
        versions = [version for version in self.versions_of(name) if not version.is_marker]
        if not versions:
            raise ObjectMissing(f"{name} is not in {self.place}")
        return {"VersionId": versions[0].id}

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        lock: LockArguments = {
            "ObjectLockMode": retention.mode.value,
            "ObjectLockRetainUntilDate": _whole_seconds(retention.until),
        }
        self._store(name, parts, lock)

    def retention(self, version: Version) -> Retention | None:
        answer = self._head(version)
        if "ObjectLockMode" not in answer or "ObjectLockRetainUntilDate" not in answer:
            return None
        until = answer["ObjectLockRetainUntilDate"].astimezone(UTC)
        return Retention(LockMode(answer["ObjectLockMode"]), until)

    def is_held(self, version: Version) -> bool:
        return self._head(version).get("ObjectLockLegalHoldStatus") == "ON"

    def _head(self, version: Version) -> HeadObjectOutputTypeDef:
        """Retention and hold in one answer, where two questions of their own would have as many errors."""
        if version.is_marker:
            raise ObjectMissing(f"{version.name} in {self.place} is marked as deleted")
        with converted(f"asking for the lock of {version.name}", self.place):
            return self.client.head_object(
                Bucket=self.place.bucket, Key=self._key(version.name), VersionId=version.id
            )

    def retain(self, version: Version, retention: Retention) -> None:
        for _ in range(3):
            kept = self.retention(version)
            if is_enough(kept, retention):
                return
            # RACE: another may lengthen it meanwhile; the store then refuses this one, which is shorter.
            if self._set_retention(version, strongest(kept, retention), kept):
                return
        error = StoreDenied(f"locking {version.name} in {self.place}: the store refuses it")
        error.hint = "The keys need s3:PutObjectRetention, and s3:BypassGovernanceRetention to make it final."
        raise error

    def _set_retention(self, version: Version, wanted: Retention, kept: Retention | None) -> bool:
        """False when the store refuses it.

        To make governance compliance is to change the mode, for which a store asks for the bypass; so two
        that change one object's mode and date at once are for the caller to rule out.
        """
        is_change_of_mode = kept is not None and kept.mode is not wanted.mode
        with converted(f"locking {version.name}", self.place):
            try:
                self.client.put_object_retention(
                    Bucket=self.place.bucket,
                    Key=self._key(version.name),
                    VersionId=version.id,
                    Retention={
                        "Mode": wanted.mode.value,
                        "RetainUntilDate": _whole_seconds(wanted.until),
                    },
                    BypassGovernanceRetention=is_change_of_mode,
                )
            except ClientError as error:
                if code_of(error) in REFUSED:
                    return False
                raise
            return True

    def hold(self, version: Version, *, is_held: bool) -> None:
        with converted(f"holding {version.name}", self.place):
            self.client.put_object_legal_hold(
                Bucket=self.place.bucket,
                Key=self._key(version.name),
                VersionId=version.id,
                LegalHold={"Status": "ON" if is_held else "OFF"},
            )

    def versions(self, prefix: str) -> Iterator[Version]:
        # The store lists the newest first, to the second or so: its order decides between equal times.
        found = sorted(self._versions(prefix), key=lambda entry: entry[:3])
        yield from (version for *_, version in found)

    def versions_of(self, name: str) -> Sequence[Version]:
        return [version for version in self.versions(name) if version.name == name]

    def _versions(self, prefix: str) -> Iterator[tuple[str, datetime, int, Version]]:
        pages = self.client.get_paginator("list_object_versions")
        position = 0
        with converted(f"listing versions of {prefix}", self.place):
            for page in pages.paginate(Bucket=self.place.bucket, Prefix=self._key(prefix)):
                for is_marker, entries in (
                    (True, page.get("DeleteMarkers", [])),
                    (False, page.get("Versions", [])),
                ):
                    for entry in entries:
                        position -= 1
                        name = entry["Key"].removeprefix(self.place.prefix)
                        size = 0 if is_marker else entry["Size"]  # type: ignore[typeddict-item]
                        version = Version(name, entry["VersionId"], size, is_marker)
                        yield name, entry["LastModified"], position, version

    def get_version(self, version: Version, *, offset: int = 0, length: int | None = None) -> bytes:
        if version.is_marker:
            raise ObjectMissing(f"{version.name} in {self.place} is marked as deleted")
        if length == 0:
            return b""
        return self._get(version.name, offset, length, {"VersionId": version.id})

    def delete_version(self, version: Version) -> None:
        try:
            with converted(f"deleting {version.name}", self.place):
                self.client.delete_object(
                    Bucket=self.place.bucket, Key=self._key(version.name), VersionId=version.id
                )
        except ObjectMissing:
            return
        except StoreUnavailable as error:
            if self._is_kept(version):
                raise ObjectLocked(f"{version.name} in {self.place} is kept by a lock") from error
            raise

    def _is_kept(self, version: Version) -> bool:
        """Has the store a reason to refuse its deletion? An end that is over is for the store to judge."""
        try:
            found = self._head(version)
        except (ObjectMissing, StoreUnavailable):
            return False
        return "ObjectLockMode" in found or found.get("ObjectLockLegalHoldStatus") == "ON"


def _whole_seconds(moment: datetime) -> datetime:
    """That moment or up to a second later: stores keep dates to the second, some to the millisecond."""
    return moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)
