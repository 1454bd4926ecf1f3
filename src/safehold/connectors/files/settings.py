"""What a person may say about a file tree when declaring it as a source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from safehold.connectors.files.patterns import Patterns
from safehold.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FilesSettings:
    """The settings of one source, checked.

    path             the folder, absolute; it may be reached through symbolic links
    patterns         what of it is kept, from `include` and `exclude`
    writable_roots   folders beneath which a restore may write, absolute; none: it may write nowhere
    one_file_system  a mount point below the folder is kept as an empty folder (the default), not entered
    """

    path: str
    patterns: Patterns
    writable_roots: tuple[str, ...]
    one_file_system: bool


def parse_settings(settings: Mapping[str, object]) -> FilesSettings:
    """Raises ConfigError, naming the setting that is wrong."""
    unknown = sorted(set(settings) - {"path", "include", "exclude", "writable_roots", "one_file_system"})
    if unknown:
        raise ConfigError(f"a file source has no setting {unknown[0]!r}")
    one_file_system = settings.get("one_file_system", True)
    if not isinstance(one_file_system, bool):
        raise ConfigError("the setting one_file_system is true or false")
    return FilesSettings(
        path=_absolute("path", settings.get("path")),
        patterns=Patterns.of(include=_texts(settings, "include"), exclude=_texts(settings, "exclude")),
        writable_roots=tuple(
            _absolute("writable_roots", root) for root in _texts(settings, "writable_roots")
        ),
        one_file_system=one_file_system,
    )


def _absolute(setting: str, value: object) -> str:
    if not isinstance(value, str) or not os.path.isabs(value) or "\0" in value:
        raise ConfigError(f"the setting {setting} needs an absolute path, not {value!r}")
    return os.path.normpath(value)


def _texts(settings: Mapping[str, object], name: str) -> list[str]:
    values = settings.get(name, [])
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise ConfigError(f"the setting {name} is a list of texts")
    return list(values)
