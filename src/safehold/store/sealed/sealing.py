"""Frames sealed into an object, so that nothing shows but the object's size.

Every object has a key of its own, HKDF(epoch key, salt, type); the nonce is the frame's number. What a
frame is and where it belongs is authenticated with it. docs/formats/objects.md is the specification.

# INVARIANT: no nonce repeats under a key. The salt is 256 fresh random bits from the operating system,
# drawn when the object is begun and never used for another one; frame numbers only count up.
"""

from __future__ import annotations

import os
import secrets
import struct
import threading

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from safehold.core.errors import Damaged, KeyMismatch
from safehold.store.names import FOLDERS, ObjectType
from safehold.store.sealed.kernel import FrameSeal
from safehold.store.sealed.keys import VaultKeys

MAGIC = b"SAFEHOLD"
VERSION = 1
HEADER = struct.Struct(">8sHBxI32s")  # magic, version, type, epoch, salt
HEADER_BYTES = HEADER.size
BOUND_HEADER_BYTES = 16  # all but the salt, which makes the key
TAG_BYTES = 16
NONCE_BYTES = 12
SALT_BYTES = 32
ID_BYTES = 16
DIRECTORY_NUMBER = 0xFFFFFFFE
FOOTER_NUMBER = 0xFFFFFFFF
MAX_FRAMES = 0xFFFFFFF0


class ObjectSeal:
    """Opens the frames of one object. Threads may share it."""

    def __init__(self, keys: VaultKeys, vault_id: bytes, header: bytes, name: str) -> None:
        kind, epoch, salt = _parse_header(header, name)
        if epoch not in keys.epochs:
            raise KeyMismatch(f"{name} is sealed with epoch {epoch}, which this vault's keys do not have")
        key = HKDF(SHA256(), length=32, salt=salt, info=b"safehold/1/%d" % kind).derive(keys.epochs[epoch])
        self.header = header
        self.name = name
        self._key = key
        self._cipher = AESGCM(key)
        self._binding = header[:BOUND_HEADER_BYTES] + vault_id + name.encode()

    def open(self, number: int, sealed: bytes | bytearray | memoryview) -> bytearray:
        """The plain frame. Raises Damaged when it is not what was sealed there under that number."""
        if len(sealed) < TAG_BYTES:
            raise Damaged(f"{self.name}: frame {number} is cut off")
        plain = bytearray(len(sealed) - TAG_BYTES)
        try:
            self._cipher.decrypt_into(_nonce(number), sealed, self._bound(number), plain)
        except InvalidTag as error:
            raise Damaged(f"{self.name}: frame {number} does not authenticate") from error
        return plain

    def of_frame(self, number: int) -> FrameSeal:
        """What seals that frame, for whoever opens it by himself."""
        return FrameSeal(self._key, _nonce(number), self._bound(number))

    def _bound(self, number: int) -> bytes:
        return self._binding + number.to_bytes(4, "big")


class NewSeal(ObjectSeal):
    """Seals the frames of an object that is being made, and opens them. Threads may share it.

    It draws its own salt, so that nothing can be sealed under the key of an object that is there already; and
    it seals in the process that made it alone: after a fork both would count on from the same number.
    """

    def __init__(self, keys: VaultKeys, vault_id: bytes, kind: ObjectType, name: str) -> None:
        salt = secrets.token_bytes(SALT_BYTES)
        super().__init__(keys, vault_id, HEADER.pack(MAGIC, VERSION, kind, keys.newest_epoch, salt), name)
        self._process = os.getpid()
        self._used: set[int] = set()
        self._lock = threading.Lock()

    def seal(self, number: int, plain: bytes | bytearray | memoryview) -> bytearray:
        """The sealed frame: `TAG_BYTES` longer than `plain`. Raises ValueError for a number used before."""
        self._use(number)
        sealed = bytearray(len(plain) + TAG_BYTES)
        self._cipher.encrypt_into(_nonce(number), plain, self._bound(number), sealed)
        return sealed

    def of_new_frame(self, number: int) -> FrameSeal:
        """What seals a new frame, to be used once. Raises ValueError for a number used before."""
        self._use(number)
        return self.of_frame(number)

    def _use(self, number: int) -> None:
        if os.getpid() != self._process:
            raise ValueError(f"{self.name}: it was begun before a fork; the child must begin its own")
        with self._lock:
            if number in self._used:
                raise ValueError(f"{self.name}: number {number} has sealed a frame already")
            self._used.add(number)


def new_object_name(kind: ObjectType) -> str:
    return kind.folder + secrets.token_hex(ID_BYTES)


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_BYTES, "big")


def _parse_header(header: bytes, name: str) -> tuple[int, int, bytes]:
    if len(header) != HEADER_BYTES:
        raise Damaged(f"{name} is cut off in its header")
    magic, version, kind, epoch, salt = HEADER.unpack(header)
    if magic != MAGIC or version != VERSION:
        raise Damaged(f"{name} is not an object of this format version")
    if not name.startswith(FOLDERS.get(kind, "?")):
        raise Damaged(f"{name} holds another type of object")
    return kind, epoch, salt
