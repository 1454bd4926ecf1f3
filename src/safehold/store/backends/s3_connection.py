"""A connection to an object store that speaks S3: where it is, how it is tuned, what its errors mean here.

Source: Amazon S3 API Reference ("Error responses"); botocore's configuration reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError

from safehold.core.errors import ConfigError, ObjectMissing, StoreError, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

OPTIONS = ("endpoint", "region", "addressing")
CONNECTIONS = 32  # more than all threads of a job use at once: a pool that is too small reconnects
CONNECT_SECONDS = 10
READ_SECONDS = 60  # without a byte; a pack of 32 MiB on a slow line sends some all the time

MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
TAKEN = {"412", "PreconditionFailed"}
NO_RANGE = {"416", "InvalidRange"}
DENIED = {"403", "AccessDenied", "AccountProblem", "AllAccessDisabled", "InvalidAccessKeyId"}
DENIED |= {"SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"}
FULL = {"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "StorageFull"}
ARCHIVED = {"InvalidObjectState"}

DENIED_HINT = (
    "Give the keys of an identity that may read, write, list and delete in that bucket "
    "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or any other way that AWS clients know)."
)
BUCKET_HINT = "Make the bucket first, or correct `storage_url`."
ARCHIVED_HINT = "Ask the store to bring the object back from its archive class, then try again."


@dataclass(frozen=True, slots=True)
class S3Place:
    """prefix: what all names begin with, "" or ending in "/"; endpoint and region: None as AWS has them."""

    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None
    addressing: str = "auto"

    def below(self, name: str) -> S3Place:
        return S3Place(self.bucket, f"{self.prefix}{name}/", self.endpoint, self.region, self.addressing)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def parse_place(url: str) -> S3Place:
    """`s3://bucket/prefix?endpoint=URL&region=NAME&addressing=path|virtual`. Raises ConfigError."""
    parsed = urlsplit(url)
    if "@" in parsed.netloc:
        raise _wrong(
            "s3 storage takes no keys in its URL",
            "Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or an AWS profile.",
        )
    options = dict(parse_qsl(parsed.query, keep_blank_values=True))
    unknown = sorted(set(options) - set(OPTIONS))
    if not parsed.netloc or unknown or parsed.fragment:
        raise _wrong(
            f"{parsed.scheme}://{parsed.netloc}{parsed.path}: {', '.join(unknown) or 'no bucket'}",
            f"Write s3://BUCKET/PREFIX, and after a `?` any of {', '.join(OPTIONS)}.",
        )
    addressing = options.get("addressing") or ("path" if options.get("endpoint") else "auto")
    if addressing not in ("auto", "path", "virtual"):
        raise _wrong(f"addressing={addressing} is not known", "Write addressing=path or addressing=virtual.")
    folder = unquote(parsed.path).strip("/")
    prefix = f"{folder}/" if folder else ""
    return S3Place(
        parsed.netloc, prefix, options.get("endpoint") or None, options.get("region") or None, addressing
    )


def _wrong(message: str, hint: str) -> ConfigError:
    error = ConfigError(message)
    error.hint = hint
    return error


def connect(place: S3Place) -> S3Client:
    """A client for that store, shared by all its places in this process. Threads may share it.

    Credentials come from where every AWS client finds them: environment, profile, the machine's role.
    """
    return _client(place.endpoint, place.region, place.addressing)


@cache
def _client(endpoint: str | None, region: str | None, addressing: str) -> S3Client:
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        # A retry in there would hide that a put was tried before: whether the object of that name is our
        # own can then not be told. Retrying is for the wrapper (retry.py).
        retries={"total_max_attempts": 1},
        # We give a SHA-256 with every put; botocore need not compute one of its own.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # Payloads go unsigned over TLS only (botocore signs them otherwise): the SHA-256 stays.
        s3={"addressing_style": addressing, "payload_signing_enabled": False},  # type: ignore[arg-type]
        user_agent_extra="safehold",
    )
    try:
        return boto3.session.Session().client("s3", endpoint_url=endpoint, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise _wrong(f"cannot set up S3 at {endpoint or 'AWS'}: {error}", "Correct `storage_url`.") from error


@contextmanager
def converted(what: str, place: S3Place) -> Iterator[None]:
    """Errors of the store leave this block as ours; `what` was being done, as "reading packs/..."."""
    try:
        yield
    except ClientError as error:
        raise meaning(error, what, place) from error
    except NoCredentialsError as error:
        raise _with_hint(StoreUnavailable(f"{what} in {place}: no keys for S3"), DENIED_HINT) from error
    except (BotoCoreError, HTTPClientError, OSError) as error:
        raise StoreUnavailable(f"{what} in {place}: {error}") from error


def meaning(error: ClientError, what: str, place: S3Place) -> StoreError:
    """Our error for an answer of the store."""
    code = code_of(error)
    message = f"{what} in {place}: {error.response.get('Error', {}).get('Message') or code} ({code})"
    if code == "NoSuchBucket":
        return _with_hint(StoreUnavailable(message), BUCKET_HINT)
    if code in MISSING:
        return ObjectMissing(message)
    if code in DENIED:
        return _with_hint(StoreUnavailable(message), DENIED_HINT)
    if code in ARCHIVED:
        return _with_hint(StoreUnavailable(message), ARCHIVED_HINT)
    return StoreFull(message) if code in FULL else StoreUnavailable(message)


def code_of(error: ClientError) -> str:
    """The store's error code; the HTTP status for answers without a body (HEAD has none)."""
    response: Mapping[str, Mapping[str, object]] = error.response  # type: ignore[assignment]
    return str(response.get("Error", {}).get("Code") or status_of(error))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _with_hint(error: StoreError, hint: str) -> StoreError:
    error.hint = hint
    return error
