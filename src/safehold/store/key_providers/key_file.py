"""Wraps under a root key file: the installation's own, or another."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safehold.core.errors import Damaged, KeyMismatch
from safehold.core.secrets import RootKey

NONCE_BYTES = 12
TAG_BYTES = 16


class KeyFile:
    """The provider that wraps under a root key in memory."""

    name = "key-file"

    def __init__(self, root_key: RootKey) -> None:
        self._cipher = AESGCM(root_key.derive("wrap vault keys"))
        self._fingerprint = root_key.fingerprint

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        if len(wrapped) < NONCE_BYTES + TAG_BYTES:
            raise Damaged("the vault's wrapped keys are cut off")
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag as error:
            raise KeyMismatch(f"root key {self._fingerprint} does not open this vault's keys") from error

    def describe(self) -> str:
        return f"root key file, fingerprint {self._fingerprint}"
