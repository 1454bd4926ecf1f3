"""A connection to an object store that speaks S3: where it is, how it is tuned, what its errors mean here.

Source: Amazon S3 API Reference ("Error responses"); botocore's configuration reference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError

from safehold.core.errors import (
    ConfigError,
    NotRetrieved,
    ObjectMissing,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from safehold.store.backends.contract import Reading

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

OPTIONS = ("endpoint", "region", "addressing", "bytes_per_second", "requests_per_second")
COLD_OPTIONS = ("storage_class", "retrieval_days", "retrieval_tier")
# What it takes to read an object of that class. Source: Amazon S3 User Guide, "Understanding and managing
# Amazon S3 storage classes".
CLASSES = {
    "STANDARD_IA": Reading.PAID,
    "ONEZONE_IA": Reading.PAID,
    "GLACIER_IR": Reading.PAID,
    "GLACIER": Reading.ASKED,
    "DEEP_ARCHIVE": Reading.ASKED,
}
TIERS = ("Bulk", "Standard", "Expedited")  # how fast, and how dear, what was asked for comes
RETRIEVAL_DAYS = 7
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

BUCKET_HINT = "Make the bucket first, or correct `storage_url`."


@dataclass(frozen=True, slots=True)
class S3Place:
    """prefix: what all names begin with, "" or ending in "/"; endpoint and region: None as AWS has them.

    bytes_per_second, requests_per_second  what each process may use of it; None: all that it can get
    storage_class   of what is put there, one of CLASSES; None: the bucket's own. Cold places alone have one
    retrieval_days  how long what was asked for can be read
    """

    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None
    addressing: str = "auto"
    bytes_per_second: float | None = None
    requests_per_second: float | None = None
    storage_class: str | None = None
    retrieval_days: int = RETRIEVAL_DAYS
    retrieval_tier: str = "Standard"

    @property
    def reading(self) -> Reading:
        return CLASSES[self.storage_class] if self.storage_class is not None else Reading.FREE

    def below(self, name: str) -> S3Place:
        return replace(self, prefix=f"{self.prefix}{name}/")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def parse_place(url: str) -> S3Place:
    """`s3://bucket/prefix?endpoint=URL&region=NAME&...`, options as in OPTIONS. Raises ConfigError."""
    parsed = urlsplit(url)
    if "@" in parsed.netloc:
        raise _wrong(
            "s3 storage takes no keys in its URL",
            "Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or an AWS profile.",
        )
    options = dict(parse_qsl(parsed.query))
    unknown = sorted(set(options) - {*OPTIONS, *COLD_OPTIONS})
    if not parsed.netloc or unknown or parsed.fragment:
        raise _wrong(
            f"{parsed.scheme}://{parsed.netloc}{parsed.path}: {', '.join(unknown) or 'no bucket'}",
            f"Write s3://BUCKET/PREFIX, and after a `?` any of {', '.join(OPTIONS)}.",
        )
    folder = unquote(parsed.path).strip("/")
    return S3Place(
        parsed.netloc,
        f"{folder}/" if folder else "",
        options.get("endpoint"),
        options.get("region"),
        _addressing(options),
        _rate(options, "bytes_per_second"),
        _rate(options, "requests_per_second"),
        _one_of(options, "storage_class", CLASSES),
        _days(options),
        _one_of(options, "retrieval_tier", TIERS) or "Standard",
    )


def _one_of(options: Mapping[str, str], name: str, known: Collection[str]) -> str | None:
    value = options.get(name)
    if value is not None and value not in known:
        raise _wrong(f"{name}={value} is not known", f"Write {name}= and one of {', '.join(known)}.")
    return value


def _days(options: Mapping[str, str]) -> int:
    text = options.get("retrieval_days", str(RETRIEVAL_DAYS))
    if not text.isdecimal() or not 1 <= int(text) <= 365:
        raise _wrong(f"retrieval_days={text} is no number of days", "Write 1 to 365, as retrieval_days=7.")
    return int(text)


def _addressing(options: Mapping[str, str]) -> str:
    addressing = options.get("addressing", "path" if "endpoint" in options else "auto")
    if addressing not in ("auto", "path", "virtual"):
        raise _wrong(f"addressing={addressing} is not known", "Write addressing=path or addressing=virtual.")
    return addressing


def _rate(options: Mapping[str, str], name: str) -> float | None:
    if name not in options:
        return None
    try:
        rate = float(options[name])
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise _wrong(f"{name}={options[name]} is no rate", f"Write a number above 0, as {name}=50000000.")
    return rate


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
        raise StoreDenied(f"{what} in {place}: no keys for S3") from error
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
        return StoreDenied(message)
    if code in ARCHIVED:
        return NotRetrieved(message)
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
