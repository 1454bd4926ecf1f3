"""Objects in a bucket of a store that speaks S3.

An object comes to its name by a conditional put (`If-None-Match: *`), so it is never half there and never
replaces another. Whether the store honours that is asked before a vault is put on it (selftest.py).
Source: Amazon S3 User Guide, "Conditional requests", "Checking object integrity", "Multipart upload".
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from safehold.core.errors import Damaged, ObjectExists, ObjectMissing, StoreUnavailable
from safehold.store.backends import s3_archive as archive
from safehold.store.backends.contract import Availability, ObjectInfo, Reading
from safehold.store.backends.s3_archive import VersionArguments
from safehold.store.backends.s3_connection import (
    NO_RANGE,
    TAKEN,
    S3Place,
    code_of,
    connect,
    converted,
    status_of,
)
from safehold.store.backends.unsure import is_stored

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.literals import StorageClassType
    from types_boto3_s3.type_defs import CompletedPartTypeDef

Data: TypeAlias = bytes | bytearray | memoryview

# Some stores that decide races of plain puts let several multipart uploads win (seen: SeaweedFS 4.48). So
# only objects whose names nobody else can want come in parts; all others are small, and one put takes 5 GiB.
NAMED_AT_RANDOM = ("packs/", "trees/", "index/")
MULTIPART_BYTES = 64 << 20  # packs are half of that: one request each
PART_BYTES = 16 << 20  # S3 takes 10,000 parts: objects of up to 156 GiB


class LockArguments(TypedDict, total=False):
    """What a put says of the object's lock; nothing for none."""

    ObjectLockMode: Literal["GOVERNANCE", "COMPLIANCE"]
    ObjectLockRetainUntilDate: datetime


class ClassArguments(TypedDict, total=False):
    """What a put says of the object's storage class; nothing for the bucket's own."""

    StorageClass: StorageClassType


class S3Backend:
    """A prefix of a bucket. Makes one attempt at everything: retrying is for the wrapper."""

    def __init__(self, place: S3Place, client: S3Client, *, multipart_bytes: int = MULTIPART_BYTES) -> None:
        self.place = place
        self.client = client
        self._multipart_bytes = multipart_bytes
        self._class: ClassArguments = {}
        if place.storage_class is not None:
            self._class = {"StorageClass": place.storage_class}  # type: ignore[typeddict-item]

    @classmethod
    def open(cls, place: S3Place) -> S3Backend:
        """Raises ConfigError. Asks the store nothing."""
        return cls(place, connect(place))

    def check(self) -> None:
        """The bucket is there and may be used. Raises StoreUnavailable with what to do."""
        with converted("looking for the bucket", self.place):
            self.client.list_objects_v2(Bucket=self.place.bucket, Prefix=self.place.prefix, MaxKeys=1)

    def holds_anything(self) -> bool:
        """Is there any object? A prefix that is empty may be the wrong one."""
        with converted("looking for objects", self.place):
            found = self.client.list_objects_v2(Bucket=self.place.bucket, Prefix=self.place.prefix, MaxKeys=1)
            return bool(found.get("Contents"))

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._store(name, parts, {})

    def _store(self, name: str, parts: Sequence[bytes | bytearray | memoryview], lock: LockArguments) -> None:
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        try:
            self._put(name, data, lock)
        except StoreUnavailable:
            # The request may have arrived though no answer came back.
            if not self._became(name, data):
                raise

    def _became(self, name: str, data: Data) -> bool:
        """Is the object there, and ours? Raises ObjectExists when it is another's."""
        try:
            return is_stored(self, name, [data])
        except StoreUnavailable:
            return False

    def _put(self, name: str, data: Data, lock: LockArguments) -> None:
        with converted(f"writing {name}", self.place):
            try:
                if len(data) >= self._multipart_bytes and name.startswith(NAMED_AT_RANDOM):
                    self._put_in_parts(name, data, lock)
                else:
                    self._put_whole(name, data, lock)
            except ClientError as error:
                if code_of(error) in TAKEN:
                    raise ObjectExists(f"{name} is in {self.place} already") from error
                raise

    def _put_whole(self, name: str, data: Data, lock: LockArguments) -> None:
        checksum = _checksum(data)
        answer = self.client.put_object(
            Bucket=self.place.bucket,
            Key=self._key(name),
            Body=bytes(data),  # no copy is made of bytes
            IfNoneMatch="*",
            ChecksumSHA256=checksum,
            **lock,
            **self._class,
        )
        if answer.get("ChecksumSHA256", checksum) != checksum:
            raise StoreUnavailable(f"writing {name} in {self.place}: the store took in other bytes than sent")

    def _put_in_parts(self, name: str, data: Data, lock: LockArguments) -> None:
        bucket, key = self.place.bucket, self._key(name)
        begun = self.client.create_multipart_upload(
            Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256", **lock, **self._class
        )
        upload = begun["UploadId"]
        with ExitStack() as undoing:
            undoing.callback(self._abort, name, upload)
            done = [
                self._put_part(name, upload, number, memoryview(data)[start : start + PART_BYTES])
                for number, start in enumerate(range(0, len(data), PART_BYTES), 1)
            ]
            self.client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": done}, IfNoneMatch="*"
            )
            undoing.pop_all()

    def _abort(self, name: str, upload: str) -> None:
        """Parts that nobody completes are kept, and paid for, until somebody aborts. Best effort."""
        with suppress(ClientError, BotoCoreError):
            self.client.abort_multipart_upload(Bucket=self.place.bucket, Key=self._key(name), UploadId=upload)

    def _put_part(self, name: str, upload: str, number: int, data: memoryview) -> CompletedPartTypeDef:
        checksum = _checksum(data)
        answer = self.client.upload_part(
            Bucket=self.place.bucket,
            Key=self._key(name),
            UploadId=upload,
            PartNumber=number,
            Body=bytes(data),
            ChecksumSHA256=checksum,
        )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            self.size(name)
            return b""
        return self._get(name, offset, length, {})

    def _get(self, name: str, offset: int, length: int | None, version: VersionArguments) -> bytes:
        if offset == 0 and length is None:
            return self._get_whole(name, version)
        data = self._get_range(name, _range(offset, length), version)
        return data if length is None else data[:length]

    def _get_range(self, name: str, wanted: str, version: VersionArguments) -> bytes:
        with converted(f"reading {name}", self.place):
            try:
                answer = self.client.get_object(
                    Bucket=self.place.bucket, Key=self._key(name), Range=wanted, **version
                )
                return answer["Body"].read()
            except ClientError as error:
                if code_of(error) in NO_RANGE or status_of(error) == 416:
                    return b""
                raise

    def _get_whole(self, name: str, version: VersionArguments) -> bytes:
        """The object, held against the checksum that it was put with. Raises Damaged when it never fits."""
        for _ in range(2):  # once may have been the way here; twice is what lies there
            with converted(f"reading {name}", self.place), suppress(FlexibleChecksumError):
                answer = self.client.get_object(
                    Bucket=self.place.bucket, Key=self._key(name), ChecksumMode="ENABLED", **version
                )
                return answer["Body"].read()
        raise Damaged(f"{name} in {self.place} comes back as other bytes than were put")

    def size(self, name: str) -> int:
        with converted(f"asking for {name}", self.place):
            answer = self.client.head_object(Bucket=self.place.bucket, Key=self._key(name))
            return answer["ContentLength"]

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        # Not every store lists in the order of names where one name is another's folder.
        yield from sorted(self._list(prefix), key=lambda info: info.name)

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        pages = self.client.get_paginator("list_objects_v2")
        with converted(f"listing {prefix}", self.place):
            for page in pages.paginate(Bucket=self.place.bucket, Prefix=self._key(prefix)):
                for found in page.get("Contents", ()):
                    yield ObjectInfo(found["Key"].removeprefix(self.place.prefix), found["Size"])

    def delete(self, name: str) -> None:
        with converted(f"deleting {name}", self.place), suppress(ObjectMissing):
            self.client.delete_object(Bucket=self.place.bucket, Key=self._key(name))

    # -- archives

    @property
    def reading(self) -> Reading:
        return self.place.reading

    def availability(self, name: str) -> Availability:
        return archive.availability(self.client, self.place, self._key(name), self._read_version(name))

    def retrieve(self, name: str) -> None:
        archive.retrieve(self.client, self.place, self._key(name), self._read_version(name))

    def digest(self, name: str) -> bytes | None:
        return archive.digest(self.client, self.place, self._key(name), self._read_version(name))

    def _read_version(self, name: str) -> VersionArguments:
        """Which version of the name is read; raises ObjectMissing when there is none."""
        del name
        return {}

    def _key(self, name: str) -> str:
        return self.place.prefix + name


def _range(offset: int, length: int | None) -> str:
    """Source: RFC 9110, section 14.1.2."""
    if offset < 0:
        return f"bytes={offset}"
    return f"bytes={offset}-" if length is None else f"bytes={offset}-{offset + length - 1}"


def _checksum(data: Data) -> str:
    return base64.b64encode(sha256(data).digest()).decode()
