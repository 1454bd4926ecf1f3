"""A recovery kit: the keys of vaults on a page of text that can be printed, and typed in again.

It needs nothing else: no root key, no key service, no catalog. docs/formats/recovery-kit.md specifies it.
Every line of digits has its number and a check of its own, so that a slip of the pen is found by line.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from safehold.core.errors import Damaged, KitError
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.keys import VaultKeys, decode_keys, encode_keys

VERSION = 1
LINE_BYTES = 16
GROUP_DIGITS = 4
CHECK_BYTES = 2
TOTAL_BYTES = 4
SALT_BYTES = 16
NONCE_BYTES = 12
KEY_BYTES = 32
# 128 MiB and about half a second for each guess. Source: RFC 7914; OWASP Password Storage Cheat Sheet.
COST = (1 << 17, 8, 1)
MAX_COST = 1 << 20  # readers refuse more before they make room for it

MOST_LINES = 1_000_000  # 40,000 vaults; more is a slip of the pen, and nobody counts up to that
LONGEST_LINE = 500  # what is longer stands on no page
TOLD = 100  # lines in a message
_LINE = re.compile(r"\s*(\d{3,9})[\s:.]+([0-9a-z\s]+)", re.I)
_END = re.compile(r"\s*end\s+(\d{1,9})\s+([0-9a-z]+)\s*", re.I)
_ALIKE = str.maketrans("oOlIi", "00111")  # what a person reads for a digit


class Scrypted(msgspec.Struct, array_like=True):
    """How the passphrase becomes a key. Source: RFC 7914."""

    salt: bytes
    n: int
    r: int
    p: int


class Entry(msgspec.Struct, array_like=True):
    """One vault; secret: what providers wrap, sealed under the passphrase's key if there is one."""

    vault_id: bytes
    secret: bytes


class Payload(msgspec.Struct, array_like=True):
    version: int
    scrypted: Scrypted | None
    vaults: list[Entry]


class Kit(NamedTuple):
    """A kit that was read, its secrets still sealed if a passphrase protects it."""

    payload: Payload

    @property
    def is_protected(self) -> bool:
        return self.payload.scrypted is not None

    def vault_ids(self) -> list[bytes]:
        return [entry.vault_id for entry in self.payload.vaults]

    def open(self, passphrase: str | None) -> dict[bytes, VaultKeys]:
        """The keys of each vault, by its id. Raises KitError for a passphrase that is not the right one."""
        cipher = None
        if self.payload.scrypted is not None:
            if passphrase is None:
                raise KitError("this kit is protected by a passphrase")
            cipher = _cipher(passphrase, self.payload.scrypted)
        return {entry.vault_id: _opened(entry, cipher) for entry in self.payload.vaults}


def make_kit(vaults: Mapping[bytes, VaultKeys], *, passphrase: str | None) -> list[str]:
    """The lines of digits of a kit. Without a passphrase whoever reads them has the vaults."""
    scrypted = None if passphrase is None else Scrypted(secrets.token_bytes(SALT_BYTES), *COST)
    cipher = None if passphrase is None or scrypted is None else _cipher(passphrase, scrypted)
    entries = [Entry(vault_id, _sealed(vault_id, keys, cipher)) for vault_id, keys in vaults.items()]
    return encode_lines(msgspec.msgpack.encode(Payload(VERSION, scrypted, entries)))


def encode_lines(data: bytes) -> list[str]:
    lines = []
    for number, start in enumerate(range(0, len(data), LINE_BYTES), 1):
        part = data[start : start + LINE_BYTES]
        digits = part.hex()
        groups = [digits[at : at + GROUP_DIGITS] for at in range(0, len(digits), GROUP_DIGITS)]
        lines.append(f"{number:03}  {' '.join(groups)}  {_check(number, part)}")
    return [*lines, f"end {len(lines):03} {sha256(data).hexdigest()[: TOTAL_BYTES * 2]}"]


def parse_kit(text: str) -> Kit:
    """The kit on a page, whatever else stands there. Raises KitError that names each line that is wrong."""
    try:
        payload = msgspec.msgpack.decode(decode_lines(text.splitlines()), type=Payload)
    except UNREADABLE as error:
        raise KitError(f"the kit cannot be read: {error}") from error
    if payload.version != VERSION:
        raise KitError(f"the kit is of version {payload.version}, which this program does not know")
    return Kit(payload)


def decode_lines(lines: Sequence[str]) -> bytes:
    """Raises KitError."""
    parts: dict[int, bytes] = {}
    wrong: set[int] = set()
    end = None
    for line in lines:
        if len(line) > LONGEST_LINE:
            continue
        end = _END.fullmatch(line) or end
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        number = int(found[1])
        part = _checked(number, found[2])
        if part is None or parts.get(number, part) != part:
            wrong.add(number)
        else:
            parts[number] = part
    if end is None:
        raise KitError("there is no kit, or its last line is missing, which begins with `end`")
    count, total = int(end[1]), end[2].translate(_ALIKE).lower()
    if count > MOST_LINES:
        raise KitError("the last line is mistyped: no kit has so many lines")
    _refuse(sorted(wrong - set(parts)), sorted(set(range(1, count + 1)) - set(parts) - wrong))
    data = b"".join(parts[number] for number in range(1, count + 1))
    if sha256(data).hexdigest()[: TOTAL_BYTES * 2] != total:
        raise KitError("each line fits its check, but not all of them together: look at the last line, too")
    return data


def _refuse(wrong: list[int], missing: list[int]) -> None:
    told = []
    if wrong:
        told.append(f"mistyped: line {_some(wrong)}")
    if missing:
        told.append(f"missing: line {_some(missing)}")
    if told:
        raise KitError("the kit cannot be read; " + "; ".join(told))


def _some(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - TOLD} more" if len(numbers) > TOLD else ""
    return ", ".join(f"{number:03}" for number in numbers[:TOLD]) + more


def _checked(number: int, digits: str) -> bytes | None:
    """The bytes of a line, None when its check says that they are not those that were printed."""
    try:
        data = bytes.fromhex(digits.translate(_ALIKE))
    except ValueError:
        return None
    part, check = data[:-CHECK_BYTES], data[-CHECK_BYTES:]
    return part if part and len(part) <= LINE_BYTES and check.hex() == _check(number, part) else None


def _check(number: int, part: bytes) -> str:
    return sha256(b"%03d" % number + part).hexdigest()[: CHECK_BYTES * 2]


def _cipher(passphrase: str, scrypted: Scrypted) -> AESGCM:
    if scrypted.n * scrypted.r * scrypted.p > MAX_COST * COST[1]:
        raise KitError("the kit asks for more work than any kit does")
    try:
        derivation = Scrypt(scrypted.salt, length=KEY_BYTES, n=scrypted.n, r=scrypted.r, p=scrypted.p)
    except ValueError as error:
        raise KitError(f"the kit cannot be read: {error}") from error
    # Keyboards and systems differ in how they write an accent.
    return AESGCM(derivation.derive(unicodedata.normalize("NFKC", passphrase).encode()))


def _sealed(vault_id: bytes, keys: VaultKeys, cipher: AESGCM | None) -> bytes:
    if cipher is None:
        return encode_keys(keys)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, encode_keys(keys), _bound(vault_id))


def _opened(entry: Entry, cipher: AESGCM | None) -> VaultKeys:
    secret = entry.secret
    try:
        if cipher is not None:
            secret = cipher.decrypt(secret[:NONCE_BYTES], secret[NONCE_BYTES:], _bound(entry.vault_id))
        return decode_keys(secret)
    except (InvalidTag, ValueError) as error:
        raise KitError("the passphrase does not open this kit") from error
    except Damaged as error:
        raise KitError(f"the kit cannot be read: {error}") from error


def _bound(vault_id: bytes) -> bytes:
    return b"safehold/recovery-kit/" + vault_id
