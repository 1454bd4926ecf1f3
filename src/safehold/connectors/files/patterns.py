"""Which paths of a tree are kept: include and exclude patterns, in the manner of .gitignore.

    *.tmp        a name, anywhere in the tree
    /var/log     a path from the root; so is every pattern with a "/" inside, such as `var/log`
    cache/       a trailing "/": folders only
    a/**/b       "**" stands for any number of folders; `*`, `?` and `[a-z]` never for a "/"

A folder that matches takes everything below it along. Without include patterns everything is included; what
an exclude pattern matches is left out, whatever includes it. A backslash takes the next sign literally. There
are no "!" patterns. All patterns of a kind become one regular expression over raw path bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from safehold.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Patterns:
    """Compiled patterns; None where there are none of that kind."""

    include: re.Pattern[bytes] | None
    leading: re.Pattern[bytes] | None  # folders that may lead to something included
    exclude: re.Pattern[bytes] | None

    @staticmethod
    def of(*, include: Sequence[str], exclude: Sequence[str]) -> Patterns:
        """Raises ConfigError for a pattern that cannot be understood."""
        return Patterns(
            include=_compile([_whole(pattern) for pattern in include]),
            leading=_compile([_leading(pattern) for pattern in include]),
            exclude=_compile([_whole(pattern) for pattern in exclude]),
        )

    @property
    def keep_all(self) -> bool:
        return self.include is None and self.exclude is None

    def keeps(self, path: bytes, *, is_folder: bool) -> bool:
        """Is this path, whose parents are kept, to be taken? Folders that only lead to others are, too."""
        shown = path + b"/" if is_folder else path
        if self.exclude is not None and self.exclude.match(shown):
            return False
        if self.include is None or self.include.match(shown):
            return True
        return is_folder and self.leading is not None and self.leading.match(shown) is not None


def _compile(sources: list[bytes]) -> re.Pattern[bytes] | None:
    return re.compile(b"|".join(sources), re.DOTALL) if sources else None


def _whole(pattern: str) -> bytes:
    parts, folders_only = _parts(pattern)
    return _joined(parts) + (rb"/.*\Z" if folders_only else rb"(?:/.*)?\Z")


def _leading(pattern: str) -> bytes:
    """Every folder on the way to what the pattern matches; below a "**" that is any folder."""
    parts, _ = _parts(pattern)
    ways = []
    for length in range(1, len(parts)):
        if parts[length - 1] == b"**":
            ways.append(_joined(parts[: length - 1]) + (b"/" if length > 1 else b"") + rb".*/\Z")
            break
        ways.append(_joined(parts[:length]) + rb"/\Z")
    return b"|".join(ways) or rb"(?!)"


def _parts(pattern: str) -> tuple[list[bytes], bool]:
    body = pattern.rstrip("/")
    parts = [os.fsencode(part) for part in body.lstrip("/").split("/")]
    if not body or b"" in parts or b".." in parts or b"." in parts or "\0" in pattern or body.startswith("!"):
        raise ConfigError(f"not a pattern that can match anything: {pattern!r}")
    if "/" not in body:
        parts.insert(0, b"**")
    if parts[-1] == b"**":
        parts[-1:] = [b"**", b"*"] if len(parts) == 1 else [b"*"]
    return parts, pattern.endswith("/")


def _joined(parts: list[bytes]) -> bytes:
    source = b"/".join(b"**" if part == b"**" else _glob(part) for part in parts)
    return source.replace(b"**/", rb"(?:[^/]+/)*")


def _glob(part: bytes) -> bytes:
    source, position = rb"(?=[^/])", 0  # a name is never empty
    while position < len(part):
        sign = part[position : position + 1]
        position += 1
        if sign == b"*":
            source += rb"[^/]*"
        elif sign == b"?":
            source += rb"[^/]"
        elif sign == b"[" and (end := part.find(b"]", position + 1)) > 0:
            source += _sign_class(part[position:end])
            position = end + 1
        elif sign == b"\\" and position < len(part):
            source += re.escape(part[position : position + 1])
            position += 1
        else:
            source += re.escape(sign)
    return source


def _sign_class(inside: bytes) -> bytes:
    negated = inside[:1] in (b"!", b"^")
    signs = inside[1:] if negated else inside
    body = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", signs)
    return b"(?!/)[" + (b"^" if negated else b"") + body + b"]"
