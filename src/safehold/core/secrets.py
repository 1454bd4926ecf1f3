"""The root key, and boxes sealed under it.

Whoever has the root key and the data has everything; whoever lost it has nothing. It is a file of 32
random bytes in hex, readable by its owner alone.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from safehold.core.errors import RootKeyError

KEY_BYTES = 32
NONCE_BYTES = 12


class RootKey:
    """The installation's root of trust, in memory. Purposes keep what is derived from it apart."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise RootKeyError(f"a root key has {KEY_BYTES} bytes, this one {len(key)}")
        self._key = key

    @property
    def fingerprint(self) -> str:
        """Names the key to a person, and tells nothing of it."""
        return self.derive("fingerprint")[:4].hex()

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, always the same ones."""
        return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=b"safehold/" + purpose.encode()).derive(
            self._key
        )


class SecretBox:
    """Seals small secrets (access keys, source passwords) so that a copied catalog gives none away."""

    def __init__(self, root_key: RootKey, purpose: str) -> None:
        self._cipher = AESGCM(root_key.derive(purpose))

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """Sealed bytes; they open only with the same context (the row they belong to)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The secret. Raises RootKeyError when this root key did not seal it."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
        except InvalidTag as error:
            raise RootKeyError("the root key does not open this installation's secrets") from error


def create_root_key(path: Path) -> RootKey:
    """Make a new root key file (mode 0600, synced). Raises FileExistsError: a key is never overwritten."""
    key = secrets.token_bytes(KEY_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return RootKey(key)


def read_root_key(path: Path) -> RootKey:
    """The root key in that file. Raises RootKeyError when it is missing, unreadable or not a key."""
    try:
        text = path.read_text(encoding="ascii").strip()
        return RootKey(bytes.fromhex(text))
    except (OSError, ValueError) as error:
        raise RootKeyError(f"cannot read the root key {path}: {error}") from error
