"""Writes an aws profile, so that `aws --profile NAME backup ...` reaches this installation at once.

Other profiles and comments in the two files stay as they are, byte for byte.
Source: AWS CLI User Guide, "Configuration and credential file settings" (`endpoint_url`, AWS_CONFIG_FILE,
AWS_SHARED_CREDENTIALS_FILE).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

SECTION = re.compile(r"\s*\[")


def write(name: str, *, endpoint: str, region: str, access_key_id: str, secret_access_key: str) -> list[Path]:
    """The profile leads to `endpoint`; one of that name is replaced. Answers the files written."""
    config = _file("AWS_CONFIG_FILE", "config")
    credentials = _file("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    title = "default" if name == "default" else f"profile {name}"
    _put(config, title, {"region": region, "endpoint_url": endpoint})
    _put(
        credentials,
        name,
        {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_access_key},
    )
    return [config, credentials]


def with_section(text: str, title: str, values: Mapping[str, str]) -> str:
    """The text of an INI file with that section, in the old one's place or at the end."""
    section = "".join([f"[{title}]\n", *(f"{key} = {value}\n" for key, value in values.items())])
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _title_of(line) == title]
    if not starts:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + section
    start = starts[0]
    end = next((n for n in range(start + 1, len(lines)) if SECTION.match(lines[n])), len(lines))
    kept = "".join(lines[end:])
    return "".join(lines[:start]) + section + ("\n" + kept if kept else "")


def _title_of(line: str) -> str | None:
    found = re.match(r"\s*\[\s*(.*?)\s*\]", line)
    return None if found is None else " ".join(found[1].split())


def _file(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or f"~/.aws/{name}").expanduser()


def _put(path: Path, title: str, values: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    real = path.resolve()  # a link to the file stays one
    text = real.read_text(encoding="utf-8") if real.exists() else ""
    mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
    # ORDER: whole beside the old one, then in its place: a crash leaves one of the two, never half.
    descriptor, fresh = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(with_section(text, title, values))
        os.fchmod(file.fileno(), mode)
    os.replace(fresh, real)
