"""Safehold's own folders are not backed up into themselves: each backup would hold all those before it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from safehold.cli.installation import Installation
from safehold.core.errors import ConfigError


def without_own_folders(installation: Installation, settings: Mapping[str, object]) -> dict[str, object]:
    """The settings of a folder source, the installation's own folders beneath it excluded.

    Raises ConfigError for a path inside such a folder: nothing would be left of it.
    """
    path = settings.get("path")
    if not isinstance(path, str):
        return dict(settings)
    root = Path(path).resolve()
    excluded: list[str] = []
    for own in _own_folders(installation):
        if root.is_relative_to(own):
            raise ConfigError(f"{path} belongs to Safehold itself: its vaults would hold themselves")
        if own.is_relative_to(root):
            excluded.append("/" + _literal(str(own.relative_to(root))) + "/")
    if not excluded:
        return dict(settings)
    given = settings.get("exclude", [])
    return {**settings, "exclude": [*(given if isinstance(given, list) else []), *excluded]}


def _own_folders(installation: Installation) -> list[Path]:
    settings = installation.settings
    folders = [installation.folder.path.resolve()]
    for url in (installation.folder.storage_url(settings), settings.cold_storage_url):
        storage = urlsplit(url)
        if storage.scheme == "file":
            vaults = Path(unquote(storage.path)).resolve()
            folders += [] if vaults.is_relative_to(folders[0]) else [vaults]
    return folders


def _literal(path: str) -> str:
    return re.sub(r"([\\*?\[])", r"\\\1", path)
