"""What S3 says of objects in archive classes, and how they are asked for.

Source: Amazon S3 User Guide, "Working with archived objects"; API Reference, "HeadObject" (x-amz-restore,
x-amz-checksum-sha256), "RestoreObject".
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from safehold.store.backends.contract import Availability, Reading
from safehold.store.backends.s3_connection import ARCHIVED, CLASSES, S3Place, code_of, converted

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ON_ITS_WAY = {"RestoreAlreadyInProgress", "409"}
READABLE_NOW = {"ObjectAlreadyInActiveTierError", "InvalidObjectState"}  # asked for although nobody need
SHA256_BYTES = 32


class VersionArguments(TypedDict, total=False):
    """Which version is asked for; nothing for the present one."""

    VersionId: str


def availability(client: S3Client, place: S3Place, key: str, version: VersionArguments) -> Availability:
    """Raises ObjectMissing, StoreUnavailable."""
    with converted(f"asking for {key}", place):
        answer = client.head_object(Bucket=place.bucket, Key=key, **version)
    if CLASSES.get(answer.get("StorageClass", ""), Reading.FREE) is not Reading.ASKED:
        return Availability.READABLE
    restored = re.search(r'ongoing-request="(true|false)"', answer.get("Restore", ""))
    if restored is None:
        return Availability.READABLE if _is_read(client, place, key, version) else Availability.ARCHIVED
    return Availability.COMING if restored[1] == "true" else Availability.READABLE


def _is_read(client: S3Client, place: S3Place, key: str, version: VersionArguments) -> bool:
    """Some stores note the class and read the object all the same, and know no way to ask (seen: SeaweedFS
    4.48)."""
    with converted(f"reading {key}", place):
        try:
            client.get_object(Bucket=place.bucket, Key=key, Range="bytes=0-0", **version)["Body"].read()
        except ClientError as error:
            if code_of(error) in ARCHIVED:
                return False
            raise
    return True


def retrieve(client: S3Client, place: S3Place, key: str, version: VersionArguments) -> None:
    """Asked for; again lengthens how long it can be read. Raises ObjectMissing, StoreUnavailable."""
    with converted(f"asking the archive for {key}", place):
        try:
            client.restore_object(
                Bucket=place.bucket,
                Key=key,
                RestoreRequest={
                    "Days": place.retrieval_days,
                    "GlacierJobParameters": {"Tier": place.retrieval_tier},  # type: ignore[typeddict-item]
                },
                **version,
            )
        except ClientError as error:
            if code_of(error) not in ON_ITS_WAY | READABLE_NOW:
                raise


def digest(client: S3Client, place: S3Place, key: str, version: VersionArguments) -> bytes | None:
    """SHA-256 of the whole object, where the store tells it. Raises ObjectMissing, StoreUnavailable."""
    with converted(f"asking for the checksum of {key}", place):
        answer = client.head_object(Bucket=place.bucket, Key=key, ChecksumMode="ENABLED", **version)
    with suppress(ValueError):  # of an object in parts it is a checksum of checksums, "...-2"
        told = base64.b64decode(answer.get("ChecksumSHA256", ""), validate=True)
        return told if len(told) == SHA256_BYTES else None
    return None
