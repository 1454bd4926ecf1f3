"""Who signed a request: AWS Signature Version 4, in a header or in the query string.

The body is always hashed here; what the client says of its hash counts for nothing. Times may be 15 minutes
off either way. The scope's region says the site.
Source: AWS IAM guide, "Create a signed AWS API request"; botocore's signer is the oracle of the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias
from urllib.parse import quote

from safehold.api.call import Principal
from safehold.api.wire.http import HttpRequest
from safehold.core.errors import WireError

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)
_LONGEST_PRESIGNED = timedelta(days=7)
_TIME = "%Y%m%dT%H%M%SZ"
_TIME_FORM = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)  # of keys and of sites


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An access key as the catalog knows it; `session_token` and `expires_at` only for temporary ones."""

    secret: str = field(repr=False)
    principal: Principal
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


# By the key's id, at a moment: None for a key that nobody has, or that may not be used then.
FindKey: TypeAlias = Callable[[str, datetime], KeyRecord | None]


class NoteUse(Protocol):
    """Told of each key whose signature held."""

    def __call__(self, key_id: str, *, service: str, site: str, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who called, by which key, and which site."""

    principal: Principal
    site: str
    access_key_id: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says of its own signature. `valid_for` is how long it may be used after `signed_at`."""

    credential: str
    signed_headers: str
    signature: str
    signed_at: str
    valid_for: timedelta
    session_token: str | None


@dataclass(frozen=True, slots=True)
class _Scope:
    access_key_id: str
    day: str
    site: str
    service: str

    def __str__(self) -> str:
        return f"{self.day}/{self.site}/{self.service}/aws4_request"


def authenticate(request: HttpRequest, *, service: str, now: datetime, find_key: FindKey) -> Identity:
    """The caller, whose signature over exactly this request holds. Raises WireError (403).

    `service` is the one that the request was routed to; a signature made for another is refused.
    """
    claim = _claim(request)
    scope = _scope(claim)
    if scope.service != service:
        raise _invalid(f"Credential should be scoped to correct service: '{service}'.")
    key = find_key(scope.access_key_id, now)
    if key is None or not _same(claim.session_token or "", key.session_token or ""):
        raise _refused(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    if key.expires_at is not None and now >= key.expires_at:
        raise _refused("ExpiredTokenException", "The security token included in the request is expired")
    _check_time(claim, now)
    if not _same(_signature(request, claim, scope, key.secret), claim.signature):
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details."
        )
    return Identity(key.principal, scope.site, scope.access_key_id)


def _claim(request: HttpRequest) -> _Claim:
    if "authorization" in request.headers:
        return _claim_of_header(request)
    if any(name == "X-Amz-Signature" for name, _ in request.query):
        return _claim_of_query(request)
    raise _refused("MissingAuthenticationTokenException", "Missing Authentication Token")


def _claim_of_header(request: HttpRequest) -> _Claim:
    algorithm, _, rest = request.headers["authorization"].partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    try:
        claim = _Claim(
            credential=parts["Credential"],
            signed_headers=parts["SignedHeaders"],
            signature=parts["Signature"],
            signed_at=request.headers["x-amz-date"],
            valid_for=SKEW,
            session_token=request.headers.get("x-amz-security-token"),
        )
    except KeyError as error:
        raise _incomplete(f"Authorization header requires {error.args[0]}.") from error
    return _of_algorithm(algorithm, claim)


def _claim_of_query(request: HttpRequest) -> _Claim:
    query = dict(request.query)
    try:
        seconds = query["X-Amz-Expires"]
        claim = _Claim(
            credential=query["X-Amz-Credential"],
            signed_headers=query["X-Amz-SignedHeaders"],
            signature=query["X-Amz-Signature"],
            signed_at=query["X-Amz-Date"],
            valid_for=timedelta(seconds=int(seconds) if re.fullmatch("[0-9]{1,6}", seconds) else -1),
            session_token=query.get("X-Amz-Security-Token"),
        )
    except KeyError as error:
        raise _incomplete(f"AWS query-string parameters must include {error.args[0]}.") from error
    if not timedelta(0) < claim.valid_for <= _LONGEST_PRESIGNED:
        raise _incomplete("X-Amz-Expires must be between 1 and 604800 seconds.")
    return _of_algorithm(query.get("X-Amz-Algorithm", ""), claim)


def _of_algorithm(algorithm: str, claim: _Claim) -> _Claim:
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm'; this service knows {ALGORITHM}.")
    if not _TIME_FORM.fullmatch(claim.signed_at):
        raise _incomplete("Date must be in ISO-8601 'basic format'.")
    return claim


def _scope(claim: _Claim) -> _Scope:
    parts = claim.credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise _incomplete("Credential must have exactly 5 slash-delimited elements, the last 'aws4_request'.")
    access_key_id, day, site, service, _ = parts
    if not (_NAME.fullmatch(access_key_id) and _NAME.fullmatch(site)):
        raise _incomplete("Credential holds a key id or a region that is no name.")
    if day != claim.signed_at[:8]:
        raise _invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date.")
    return _Scope(access_key_id, day, site, service)


def _check_time(claim: _Claim, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(claim.signed_at, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise _incomplete("Date must be in ISO-8601 'basic format'.") from error
    if signed_at - now > SKEW:
        raise _invalid(f"Signature not yet current: {claim.signed_at} is still later than {_later(now)}")
    if now - signed_at > claim.valid_for:
        raise _invalid(f"Signature expired: {claim.signed_at} is now earlier than {_earlier(now, claim)}")


def _later(now: datetime) -> str:
    return f"{now + SKEW:{_TIME}} ({now:{_TIME}} + 15 min.)"


def _earlier(now: datetime, claim: _Claim) -> str:
    minutes = claim.valid_for.total_seconds() / 60
    return f"{now - claim.valid_for:{_TIME}} ({now:{_TIME}} - {minutes:g} min.)"


def _signature(request: HttpRequest, claim: _Claim, scope: _Scope, secret: str) -> str:
    canonical = _canonical(request, claim).encode()
    text = "\n".join([ALGORITHM, claim.signed_at, str(scope), hashlib.sha256(canonical).hexdigest()])
    key = b"AWS4" + secret.encode()
    for part in (scope.day, scope.site, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical(request: HttpRequest, claim: _Claim) -> str:
    names = claim.signed_headers.split(";")
    _check_signed_headers(request, names)
    headers = "".join(f"{name}:{request.headers[name]}\n" for name in names)
    body = hashlib.sha256(request.body).hexdigest()
    path, query = _canonical_path(request.raw_path), _canonical_query(request)
    return "\n".join([request.method, path, query, headers, claim.signed_headers, body])


def _check_signed_headers(request: HttpRequest, names: list[str]) -> None:
    """The host, and every header that AWS gives a meaning, must be covered by the signature."""
    covered = set(names)
    meaningful = {name for name in request.headers if name.startswith("x-amz-")} | {"host"}
    if not covered <= request.headers.keys():
        raise _invalid("SignedHeaders must name headers that were sent.")
    if missing := meaningful - covered:
        raise _invalid(f"'{min(missing)}' must be a 'SignedHeader' in the AWS Authorization.")


def _canonical_path(raw_path: str) -> str:
    """The path as sent, without empty and dot segments, percent-encoded once more."""
    kept: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and raw_path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{end}", safe="/~")


def _canonical_query(request: HttpRequest) -> str:
    pairs = [(_quoted(name), _quoted(value)) for name, value in request.query if name != "X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _refused(code: str, message: str) -> WireError:
    return WireError(code, message, http_status=403)


def _invalid(message: str) -> WireError:
    return _refused("InvalidSignatureException", message)


def _incomplete(message: str) -> WireError:
    return _refused("IncompleteSignatureException", message)
