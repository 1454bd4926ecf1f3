"""Writes an aws profile, so that `aws --profile NAME backup ...` reaches this installation at once.

Other profiles and comments in the two files stay as they are, byte for byte. A profile of that name is
replaced only if a comment in it says that it was written for the same data folder.
Source: AWS CLI User Guide, "Configuration and credential file settings" (`endpoint_url`, AWS_CONFIG_FILE,
AWS_SHARED_CREDENTIALS_FILE).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from safehold.core.errors import ConfigError

MARK = "# written by safehold init, for the data folder "
SECTION = re.compile(r"\s*\[")


def write(
    name: str, *, endpoint: str, region: str, access_key_id: str, secret_access_key: str, data: Path
) -> list[Path]:
    """The profile leads to `endpoint`, the installation in `data`. Answers the files written.

    Raises ConfigError when a profile of that name is of something else, or a file cannot be read or written.
    """
    config = _file("AWS_CONFIG_FILE", "config")
    credentials = _file("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    title = "default" if name == "default" else f"profile {name}"
    key = {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_access_key}
    try:
        _check_is_free(name, _body(_text(config), title), _body(_text(credentials), name), data)
        _put(credentials, name, key)
        _put(config, title, {"region": region, "endpoint_url": endpoint}, mark=MARK + str(data))
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{config} or {credentials}: {error}") from error
    return [config, credentials]


def _check_is_free(name: str, settings: list[str], keys: list[str], data: Path) -> None:
    """Lines of the profile's section in either file; none of a section that is not there."""
    marks = [line.removeprefix(MARK) for line in settings if line.startswith(MARK)]
    if not (settings or keys) or marks == [str(data)]:
        return
    of = f", of {marks[0]}" if marks else ""
    raise ConfigError(f"the profile {name} is there already{of}, and stays as it is")


def with_section(text: str, title: str, values: Mapping[str, str], *, mark: str = "") -> str:
    """The text of an INI file with that section, in the old one's place or at the end; `mark`: a comment."""
    head = [f"[{title}]\n", *([f"{mark}\n"] if mark else [])]
    section = "".join([*head, *(f"{key} = {value}\n" for key, value in values.items())])
    lines = text.splitlines(keepends=True)
    found = _place(lines, title)
    if found is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + section
    start, end = found
    kept = "".join(lines[end:])
    return "".join(lines[:start]) + section + ("\n" + kept if kept else "")


def _body(text: str, title: str) -> list[str]:
    """The section's lines, its title first; none when it is not there."""
    lines = text.splitlines()
    found = _place(lines, title)
    return [] if found is None else lines[slice(*found)]


def _place(lines: list[str], title: str) -> tuple[int, int] | None:
    """Where the section starts, and where the next one does."""
    start = next((n for n, line in enumerate(lines) if _title_of(line) == title), None)
    if start is None:
        return None
    return start, next((n for n in range(start + 1, len(lines)) if SECTION.match(lines[n])), len(lines))


def _title_of(line: str) -> str | None:
    found = re.match(r"\s*\[\s*(.*?)\s*\]", line)
    return None if found is None else " ".join(found[1].split())


def _file(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or f"~/.aws/{name}").expanduser()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _put(path: Path, title: str, values: Mapping[str, str], *, mark: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    real = path.resolve()  # a link to the file stays one
    text = _text(real)
    mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
    # ORDER: whole beside the old one, then in its place: a crash leaves one of the two, never half.
    descriptor, fresh = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(with_section(text, title, values, mark=mark))
        os.fchmod(file.fileno(), mode)
    os.replace(fresh, real)
