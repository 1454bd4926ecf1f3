"""What a place that wraps a vault's keys promises.

tests/store/key_providers/contract.py is this promise as tests; every provider passes it.
"""

from __future__ import annotations

from typing import Protocol


class KeyProvider(Protocol):
    """Wraps small secrets under a key that it keeps to itself. Threads may share it.

    What is wrapped with one context does not open with another. Both methods may raise KeysUnavailable (the
    same call, made later, has a chance) and ConfigError (somebody has to change something first).

    name  stands in the key object: who wrapped it
    """

    name: str

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        """The secret, wrapped. Never makes a key that was not there: its name may only be misspelt."""

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        """The secret. Raises KeyMismatch when this provider's key did not wrap it, or for another context."""

    def describe(self) -> str:
        """Which key, for a person; never the key itself, nor what gives access to it."""
