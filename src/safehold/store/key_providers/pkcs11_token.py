"""Wraps by an AES key on a token: a hardware security module, a smart card, SoftHSM. The key stays there.

Needs python-pkcs11 (`pip install safehold[pkcs11]`) and the maker's library. Source: PKCS #11 3.1, "AES-GCM".
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, cast

from safehold.core.errors import ConfigError, Damaged, KeyMismatch, KeysUnavailable

if TYPE_CHECKING:
    from pkcs11 import PKCS11Error
    from pkcs11._pkcs11 import lib as Library

NONCE_BYTES = 12
TAG_BYTES = 16

# A library is one for the whole process, and so is being logged in: one at a time, and out again.
_TURN = threading.Lock()
_used_by: dict[str, int] = {}  # library -> the process that began to use it


class _AesKey(Protocol):
    def encrypt(self, data: bytes, *, mechanism: object, mechanism_param: object) -> bytes: ...

    def decrypt(self, data: bytes, *, mechanism: object, mechanism_param: object) -> bytes: ...


class Pkcs11Token:
    """module_path: the maker's library; token, key: labels; pin: called when the token is first needed."""

    name = "pkcs11"

    def __init__(self, module_path: str, *, token: str, key: str, pin: Callable[[], str]) -> None:
        self._module_path = module_path
        self._token = token
        self._key = key
        self._pin = pin
        self._is_pin_wrong = False

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        pkcs11 = _pkcs11()
        nonce = secrets.token_bytes(NONCE_BYTES)
        params = pkcs11.GCMParams(nonce, context, TAG_BYTES * 8)
        with self._opened() as key:
            sealed = key.encrypt(secret, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=params)
        return nonce + bytes(sealed)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        if len(wrapped) < NONCE_BYTES + TAG_BYTES:
            raise Damaged("the vault's wrapped keys are cut off")
        with self._opened() as key:
            return self._decrypt(key, wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)

    def _decrypt(self, key: _AesKey, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
        pkcs11 = _pkcs11()
        gcm, params = pkcs11.Mechanism.AES_GCM, pkcs11.GCMParams(nonce, context, TAG_BYTES * 8)
        try:
            return bytes(key.decrypt(sealed, mechanism=gcm, mechanism_param=params))
        except (pkcs11.EncryptedDataInvalid, pkcs11.EncryptedDataLenRange) as error:
            raise self._mismatch() from error
        except (pkcs11.GeneralError, pkcs11.FunctionFailed) as error:
            # Some tokens have no better word for a tag that does not fit; a broken one fails at this too.
            fresh = pkcs11.GCMParams(secrets.token_bytes(NONCE_BYTES), None, TAG_BYTES * 8)
            key.encrypt(b"are you there?", mechanism=gcm, mechanism_param=fresh)
            raise self._mismatch() from error

    def _mismatch(self) -> KeyMismatch:
        return KeyMismatch(f"{self.describe()} does not open this vault's keys")

    def describe(self) -> str:
        return f"PKCS#11 key {self._key} on token {self._token}"

    @contextmanager
    def _opened(self) -> Iterator[_AesKey]:
        """The key, as long as the block runs; errors of the token as ours."""
        pkcs11 = _pkcs11()
        if self._is_pin_wrong:  # tokens lock themselves after a few tries
            raise ConfigError(f"{self.describe()}: the PIN was refused; it is not tried again")
        pin = self._pin()
        with _TURN:
            try:
                token = self._library().get_token(token_label=self._token)
                with token.open(user_pin=pin) as session:
                    wanted = (pkcs11.ObjectClass.SECRET_KEY, pkcs11.KeyType.AES, self._key)
                    yield cast(_AesKey, session.get_key(*wanted))
            except pkcs11.PKCS11Error as error:
                raise self._told(error) from error

    def _told(self, error: PKCS11Error) -> Exception:
        pkcs11, which = _pkcs11(), self.describe()
        if isinstance(error, pkcs11.PinIncorrect | pkcs11.PinLenRange | pkcs11.PinInvalid):
            self._is_pin_wrong = True
            return ConfigError(f"{which}: the PIN is not the right one")
        if isinstance(error, pkcs11.PinLocked | pkcs11.PinExpired):
            return ConfigError(f"{which}: the token has locked its PIN")
        if isinstance(error, pkcs11.NoSuchKey | pkcs11.MultipleObjectsReturned):
            return ConfigError(f"{which}: the token holds no such AES key, or several")
        return KeysUnavailable(f"{which} does not answer: {error or type(error).__name__}")

    def _library(self) -> Library:
        try:
            library: Library = _pkcs11().lib(self._module_path)
        except RuntimeError as error:
            raise ConfigError(f"cannot load the PKCS#11 library {self._module_path}: {error}") from error
        if _used_by.setdefault(self._module_path, os.getpid()) != os.getpid():
            library.reinitialize()  # a child of fork must not go on with its parent's sessions
            _used_by[self._module_path] = os.getpid()
        return library


def _pkcs11() -> ModuleType:
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigError("python-pkcs11 is not installed: pip install 'safehold[pkcs11]'") from error
    return pkcs11
