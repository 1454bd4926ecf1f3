"""What the store's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safehold.store.soundness import checking


@pytest.fixture(scope="session", autouse=True)
def no_pauses() -> Iterator[None]:
    """Nothing here heals by waiting: what is wrong is read again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "PAUSE_SECONDS", 0)
        yield
