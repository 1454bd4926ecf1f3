"""Rules that scans go by: those that ship with Safehold, and those in the administrator's own folder.

Every `*.yar` and `*.yara` file counts, each in a name space of its own: two files may use one rule's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.core.errors import ConfigError

if TYPE_CHECKING:
    import yara_x

SHIPPED = Path(__file__).parent
ENDINGS = (".yar", ".yara")
HINT = "Correct the rule, or take the file out of the folder that `scan_rules` names."


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Compiled rules. digest: tells whether two scans went by the same ones; count: of rules."""

    rules: yara_x.Rules
    digest: str
    count: int


def compile_rules(folder: Path | None) -> RuleSet:
    """All rules that there are. Raises ConfigError: names the file, the line and what is wrong with it."""
    import yara_x  # imported late: only who scans pays for it

    compiler = yara_x.Compiler()
    digest = hashlib.sha256()
    for path in (*_files(SHIPPED), *(() if folder is None else _files(folder))):
        source = _source(path)
        digest.update(source.encode())
        compiler.new_namespace(path.name)
        try:
            compiler.add_source(source, origin=str(path))
        except yara_x.CompileError as error:
            raise _wrong(f"a scan rule cannot be used: {error}") from error
    rules = compiler.build()
    return RuleSet(rules, digest.hexdigest(), sum(1 for _ in rules))


def _files(folder: Path) -> Iterator[Path]:
    """In order of name. A folder that is not there has none."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in ENDINGS)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _wrong(f"cannot look for scan rules in {folder}: {error.strerror}") from error
    yield from found


def _source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"cannot read the scan rules in {path}: {error}") from error


def _wrong(message: str) -> ConfigError:
    error = ConfigError(message)
    error.hint = HINT
    return error
