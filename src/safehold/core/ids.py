"""The only door to randomness that names things.

Backup's own ids come in two spellings: lower-case UUIDs, and (for jobs that a plan started, and for
copy and restore jobs) upper-case hex in UUID layout.
Source: AWS Backup Developer Guide, "Monitoring events using EventBridge", published examples.
"""

from __future__ import annotations

import base64
import secrets
import string
import uuid


def new_id() -> str:
    """A fresh lower-case UUID."""
    return str(uuid.uuid4())


def new_upper_id() -> str:
    """A fresh id in UUID layout, upper-case hex, of no RFC version."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16))).upper()


def new_version_id() -> str:
    """A fresh plan version: base64 of a UUID's text, 48 characters."""
    return base64.b64encode(str(uuid.uuid4()).encode()).decode()


def new_access_key_id() -> str:
    """A fresh access key id: `AKIA` and sixteen characters of base 32."""
    return "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()


def new_role_id() -> str:
    """A fresh role id: `AROA` and sixteen characters of base 32."""
    return "AROA" + base64.b32encode(secrets.token_bytes(10)).decode()


def new_temporary_key_id() -> str:
    """A fresh id of a temporary access key: `ASIA` and sixteen characters of base 32."""
    return "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode()


def new_session_token() -> str:
    """A fresh session token: 128 characters, nothing to be read from them."""
    return base64.b64encode(secrets.token_bytes(96)).decode()


def new_user_id() -> str:
    """A fresh user id: `AIDA` and sixteen characters of base 32."""
    return "AIDA" + base64.b32encode(secrets.token_bytes(10)).decode()


def new_policy_id() -> str:
    """A fresh policy id: `ANPA` and sixteen characters of base 32."""
    return "ANPA" + base64.b32encode(secrets.token_bytes(10)).decode()


def new_secret_access_key() -> str:
    """A fresh secret access key, forty characters."""
    return base64.b64encode(secrets.token_bytes(30)).decode()


def new_label(length: int) -> str:
    """A fresh label of lower-case letters and digits, as ids of organizations hold."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def new_account_id() -> str:
    """A fresh account id: twelve digits, the first not zero."""
    return str(10**11 + secrets.randbelow(9 * 10**11))


def draw() -> float:
    """A fresh random number of [0, 1)."""
    return secrets.randbits(53) / (1 << 53)
