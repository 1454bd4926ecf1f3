"""Files of locked vaults in a local folder are made deletable again: for folders of tests and demonstrations.

That root can do this is what docs/formats/threat-model.md says of local folders.
"""

from __future__ import annotations

from pathlib import Path

from safehold.store.backends.local_locks import LockingLocalBackend


def let_go(folder: Path) -> None:
    """No file below is immutable any more; only root could make them so, and only root can do this."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            backend = LockingLocalBackend(path.parent)
            with backend._opened(path.name) as descriptor:
                backend._set_immutable(descriptor, False)
