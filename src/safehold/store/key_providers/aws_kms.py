"""Wraps by a key of AWS KMS, or of whatever speaks its API. The key never leaves the service.

It is an envelope: the service makes a data key and tells it plain and wrapped; the plain one seals here,
once, and is forgotten. So the vaults' keys never travel, may be of any length, and a service that does not
look closely at what it unwraps gives nothing wrong.

Source: AWS KMS API Reference, `GenerateDataKey`, `Decrypt`.
"""

from __future__ import annotations

import secrets
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safehold.core.errors import ConfigError, Damaged, KeyMismatch, KeysUnavailable

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient

CONNECT_SECONDS = 5
READ_SECONDS = 10
ATTEMPTS = 3
VAULT_ID_BYTES = 16
LENGTH = struct.Struct(">H")  # of the wrapped data key, which comes first
NONCE_BYTES = 12
# Another key, another context, or no ciphertext of this service at all.
_MISMATCHES = frozenset({"InvalidCiphertextException", "IncorrectKeyException", "NotFoundException"})
_WRONG = frozenset({"ValidationException", "InvalidKeyUsageException", "InvalidArnException"})


class AwsKms:
    """Credentials come from where AWS's own tools find them: environment, profile, role of the machine.

    key_id  a key's id or ARN, or an alias with its prefix `alias/`
    """

    name = "aws-kms"

    def __init__(
        self,
        key_id: str,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        profile: str | None = None,
    ) -> None:
        self._key_id = key_id
        self._region = region
        self._endpoint = endpoint
        self._profile = profile
        self._lock = threading.Lock()
        self._known: KMSClient | None = None

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        with self._told():
            answer = self._client().generate_data_key(
                KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=_encryption_context(context)
            )
        wrapped_key, nonce = answer["CiphertextBlob"], secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(answer["Plaintext"]).encrypt(nonce, secret, context)
        return LENGTH.pack(len(wrapped_key)) + wrapped_key + nonce + sealed

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        wrapped_key, nonce, sealed = _parts(wrapped)
        with self._told():
            # The key is named, so that nobody's ciphertext under another key of the account passes.
            answer = self._client().decrypt(
                KeyId=self._key_id,
                CiphertextBlob=wrapped_key,
                EncryptionContext=_encryption_context(context),
            )
        try:
            return AESGCM(answer["Plaintext"]).decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError) as error:  # ValueError: not even the length of a data key
            raise KeyMismatch(f"{self.describe()} does not open this vault's keys") from error

    def describe(self) -> str:
        place = " ".join(filter(None, (self._region, self._endpoint)))
        return f"AWS KMS key {self._key_id}" + (f" ({place})" if place else "")

    def _client(self) -> KMSClient:
        with self._lock:
            if self._known is None:
                self._known = self._new_client()
            return self._known

    def _new_client(self) -> KMSClient:
        from boto3.session import Session  # imported late: it takes a third of a second
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
        session = Session(profile_name=self._profile, region_name=self._region)
        client: KMSClient = session.client("kms", endpoint_url=self._endpoint, config=config)
        return client

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the service as ours."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISMATCHES:
                raise KeyMismatch(f"{self.describe()} does not open this vault's keys ({code})") from error
            if code in _WRONG:
                raise ConfigError(f"{self.describe()} cannot be used: {error}") from error
            raise KeysUnavailable(f"{self.describe()} refuses: {error}") from error
        except BotoCoreError as error:
            raise KeysUnavailable(f"{self.describe()} does not answer: {error}") from error


def _encryption_context(context: bytes) -> dict[str, str]:
    """As the service's log shows it: what was wrapped, and for which vault."""
    purpose, vault_id = context[:-VAULT_ID_BYTES], context[-VAULT_ID_BYTES:]
    return {"purpose": purpose.decode("ascii", "backslashreplace").rstrip("/"), "vault": vault_id.hex()}


def _parts(wrapped: bytes) -> tuple[bytes, bytes, bytes]:
    """The wrapped data key, the nonce and what is sealed. Raises Damaged."""
    if len(wrapped) > LENGTH.size:
        nonce_at = LENGTH.size + LENGTH.unpack_from(wrapped)[0]
        sealed_at = nonce_at + NONCE_BYTES
        if LENGTH.size < nonce_at and sealed_at < len(wrapped):
            return wrapped[LENGTH.size : nonce_at], wrapped[nonce_at:sealed_at], wrapped[sealed_at:]
    raise Damaged("the vault's wrapped keys are cut off")
