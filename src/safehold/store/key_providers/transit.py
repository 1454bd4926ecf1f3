"""Wraps by a key of the transit engine of OpenBao or Vault. The key never leaves the server.

Source: OpenBao API documentation, "Transit secrets engine".
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from urllib.parse import quote

import msgspec

from safehold.core.errors import ConfigError, Damaged, KeyMismatch, KeysUnavailable

SECONDS = 10
# Kinds of key that authenticate what goes with the ciphertext: the others would not bind it to its vault.
AUTHENTICATING = frozenset({"aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"})


class _Data(msgspec.Struct):
    ciphertext: str = ""
    plaintext: str = ""
    type: str = ""
    derived: bool = False


class _Answer(msgspec.Struct):
    data: _Data


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Who is sent elsewhere would take the token along."""

    def redirect_request(self, *arguments: object) -> None:
        del arguments


class Transit:
    """mount: where the engine is mounted; token: called for each request, it may be renewed meanwhile."""

    name = "transit"

    def __init__(
        self,
        address: str,
        mount: str,
        key: str,
        *,
        token: Callable[[], str],
        namespace: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._address = address
        self._mount = mount
        self._key = key
        self._token = token
        self._namespace = namespace
        self._opener = urllib.request.build_opener(_NoRedirects, *_https(ca_file))

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        self._check_key()
        data = self._call("encrypt", {"plaintext": _base64(secret), "associated_data": _base64(context)})
        return data.ciphertext.encode()

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        if not wrapped.startswith(b"vault:v"):
            raise Damaged("the vault's wrapped keys are not what a transit engine wraps")
        wanted = {"ciphertext": wrapped.decode("ascii", "replace"), "associated_data": _base64(context)}
        return base64.b64decode(self._call("decrypt", wanted).plaintext)

    def describe(self) -> str:
        inside = f", namespace {self._namespace}" if self._namespace else ""
        return f"transit key {self._key} of {self._address}/{self._mount}{inside}"

    def _check_key(self) -> None:
        """Raise ConfigError for a key that is not there (encrypting would make it), or of the wrong kind."""
        key = self._call("keys", None)
        if key.type not in AUTHENTICATING or key.derived:
            kind = f"{key.type}, derived" if key.derived else key.type
            raise ConfigError(
                f"{self.describe()} is of type {kind}; needed is one of {', '.join(sorted(AUTHENTICATING))}"
            )

    def _call(self, verb: str, body: Mapping[str, str] | None) -> _Data:
        path = f"/v1/{quote(self._mount)}/{verb}/{quote(self._key, safe='')}"
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data=data, headers=headers)
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return msgspec.json.decode(answer.read(), type=_Answer).data
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(verb, error.code, _reasons(error)) from error
        except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
            raise KeysUnavailable(f"{self.describe()} does not answer: {error}") from error

    def _refused(self, verb: str, status: int, reasons: str) -> Exception:
        """400 is about what was sent, 404 about the key, all others about the server."""
        if status == 400 and verb == "decrypt":
            return KeyMismatch(f"{self.describe()} does not open this vault's keys: {reasons}")
        if status in (400, 404):
            return ConfigError(f"{self.describe()} cannot be used: {reasons or 'there is no such key'}")
        return KeysUnavailable(f"{self.describe()} refuses ({status}): {reasons}")


def _reasons(error: urllib.error.HTTPError) -> str:
    try:
        told = msgspec.json.decode(error.read(), type=dict[str, list[str]]).get("errors", [])
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return error.reason
    return "; ".join(" ".join(reason.split()) for reason in told)


def _https(ca_file: str | None) -> list[urllib.request.HTTPSHandler]:
    if ca_file is None:
        return []
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"cannot use the certificates in {ca_file}: {error}") from error
    return [urllib.request.HTTPSHandler(context=context)]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
