"""Who wraps the vaults' keys, by URL: the one list of providers that can be named in a configuration.

Nothing secret stands in such a URL: PINs and tokens come from the environment, or from a file that it names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from safehold.core.errors import ConfigError
from safehold.core.secrets import KEY_BYTES, RootKey, read_root_key
from safehold.store.key_providers.aws_kms import AwsKms
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.key_providers.pkcs11_token import Pkcs11Token
from safehold.store.key_providers.transit import Transit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN_VARIABLES = ("SAFEHOLD_TRANSIT_TOKEN", "BAO_TOKEN", "VAULT_TOKEN")
PIN_VARIABLES = ("SAFEHOLD_PKCS11_PIN",)


def open_provider(keys_url: str, root_key: RootKey) -> KeyProvider:
    """The provider that the URL names; "" and `file:` are the installation's root key. Raises ConfigError.

    Nothing is asked yet: a service that does not answer shows when keys are opened.
    """
    scheme, _, rest = keys_url.partition(":")
    if scheme in ("", "file"):
        path = key_file_of(keys_url)
        return KeyFile(root_key if path is None else read_root_key(path))
    if scheme not in _PROVIDERS:
        known = ", ".join(f"{name}:" for name in ("file", *_PROVIDERS))
        raise ConfigError(f"keys_url {scheme}: is not known; it begins with one of {known}")
    rest, _, query = rest.partition("?")
    return _PROVIDERS[scheme](rest, dict(parse_qsl(query, keep_blank_values=True)))


def key_file_of(keys_url: str) -> Path | None:
    """The key file that the URL names; None for none, or for the installation's root key."""
    scheme, _, rest = keys_url.partition(":")
    return Path(unquote(rest.removeprefix("//"))) if scheme == "file" and rest else None


def check_keys_url(keys_url: str) -> None:
    """Raise ConfigError for what names no provider."""
    if not is_root_key(keys_url):
        open_provider(keys_url, RootKey(bytes(KEY_BYTES)))  # which is not used then


def is_root_key(keys_url: str) -> bool:
    """Does the installation's own root key wrap the keys?"""
    return keys_url in ("", "file:")


def _aws_kms(key_id: str, options: Mapping[str, str]) -> KeyProvider:
    _check(options, "region", "endpoint", "profile")
    if not key_id:
        raise ConfigError("keys_url aws-kms: needs the form aws-kms:alias/safehold?region=eu-central-1")
    return AwsKms(key_id, **options)


def _pkcs11(path: str, options: Mapping[str, str]) -> KeyProvider:
    """Source: RFC 7512, of which these attributes are known: token, object, module-path, pin-source."""
    _check(options, "module-path", "pin-source")
    named = dict(part.partition("=")[::2] for part in path.split(";"))
    if set(named) != {"token", "object"} or "module-path" not in options:
        raise ConfigError("keys_url pkcs11: needs the form pkcs11:token=LABEL;object=KEY?module-path=LIBRARY")
    pin = _secret("the PIN of the token", PIN_VARIABLES, options.get("pin-source"), "pin-source")
    token, key = unquote(named["token"]), unquote(named["object"])
    return Pkcs11Token(options["module-path"], token=token, key=key, pin=pin)


def _transit(address: str, options: Mapping[str, str]) -> KeyProvider:
    _check(options, "namespace", "ca_file", "token_file")
    parts = urlsplit(address)
    mount, _, key = unquote(parts.path).strip("/").rpartition("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or not mount or not key:
        raise ConfigError("keys_url transit: needs the form transit:https://HOST:8200/MOUNT/KEY")
    if "@" in parts.netloc:
        raise ConfigError("keys_url transit: must hold no user or password")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"keys_url transit: the token would go to {parts.hostname} in the clear; use https")
    token = _secret("the token of the key service", TOKEN_VARIABLES, options.get("token_file"), "token_file")
    where = f"{parts.scheme}://{parts.netloc}"
    more = {name: options[name] for name in ("namespace", "ca_file") if name in options}
    return Transit(where, mount, key, token=token, **more)


_PROVIDERS: dict[str, Callable[[str, Mapping[str, str]], KeyProvider]] = {
    "aws-kms": _aws_kms,
    "pkcs11": _pkcs11,
    "transit": _transit,
}


def _check(options: Mapping[str, str], *known: str) -> None:
    unknown = sorted(set(options) - set(known))
    if unknown:  # their values may be secrets that do not belong there
        raise ConfigError(f"keys_url: unknown options {', '.join(unknown)}; known are {', '.join(known)}")


def _secret(what: str, variables: tuple[str, ...], path: str | None, option: str) -> Callable[[], str]:
    """Reads it anew each time, from the file if one is named: it may be renewed while we run."""

    def read() -> str:
        if path is not None:
            try:
                return Path(path.removeprefix("file:")).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"cannot read {what} from {path}: {error}") from error
        for name in variables:
            if os.environ.get(name):
                return os.environ[name]
        raise ConfigError(f"{what} is not told: set {variables[0]}, or name a file with {option}")

    return read
