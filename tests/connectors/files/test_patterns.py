"""Patterns: the table reads as the specification."""

from __future__ import annotations

import pytest

from safehold.connectors.files.patterns import Patterns
from safehold.core.errors import ConfigError

CASES = [
    ("*.tmp", "a.tmp", True),
    ("*.tmp", "deep/down/a.tmp", True),
    ("*.tmp", "a.tmp.txt", False),
    ("*.tmp", "dir.tmp/inside", True),
    ("build", "src/build/x", True),
    ("build", "src/rebuild", False),
    ("/build", "build", True),
    ("/build", "src/build", False),
    ("src/build", "src/build", True),
    ("src/build", "other/src/build", False),
    ("cache/", "cache", False),
    ("cache/", "cache/", True),
    ("cache/", "deep/cache/", True),
    ("/cache/", "deep/cache/", False),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "ab", False),
    ("a/**", "a/x/y", True),
    ("a/**", "a/", False),
    ("**/b", "b", True),
    ("**", "anything/at/all", True),
    ("/*", "top", True),
    ("/*.txt", "sub/x.txt", False),
    ("a?c", "abc", True),
    ("a?c", "a/c", False),
    ("[a-c]x", "bx", True),
    ("[!a-c]x", "bx", False),
    ("[!a-c]x", "dx", True),
    ("[^a]", "a", False),
    ("x[!a]y", "x/y", False),
    ("[]]", "]", True),
    ("[", "[", True),
    ("a[b", "a[b", True),
    (r"\*", "*", True),
    (r"\*", "x", False),
    (r"\!keep", "!keep", True),
    ("a.b", "aXb", False),
    ("(x|y)", "x", False),
    ("line*", "line\nbreak", True),
    ("ä*", "ärger", True),
    ("\udcff*", "\udcffx", True),
]


@pytest.mark.parametrize(("pattern", "path", "matches"), CASES)
def test_a_pattern_excludes_what_it_matches(pattern: str, path: str, matches: bool) -> None:
    raw = path.encode("utf-8", "surrogateescape")
    patterns = Patterns.of(include=[], exclude=[pattern])
    assert patterns.keeps(raw.rstrip(b"/"), is_folder=raw.endswith(b"/")) is not matches


@pytest.mark.parametrize(
    ("pattern", "path", "matches"), [case for case in CASES if not case[1].endswith("/")]
)
def test_the_same_pattern_includes_it_and_nothing_else(pattern: str, path: str, matches: bool) -> None:
    patterns = Patterns.of(include=[pattern], exclude=[])
    assert patterns.keeps(path.encode("utf-8", "surrogateescape"), is_folder=False) is matches


@pytest.mark.parametrize(
    ("include", "folder", "leads"),
    [
        ("docs/api/*.md", "docs", True),
        ("docs/api/*.md", "docs/api", True),
        ("docs/api/*.md", "docs/other", False),
        ("docs/api/*.md", "src", False),
        ("docs/*/x", "docs/any", True),
        ("a/**/z", "a/b/c", True),
        ("a/**/z", "b", False),
        ("*.md", "any/where", True),
    ],
)
def test_folders_that_lead_to_something_included_are_kept(include: str, folder: str, leads: bool) -> None:
    assert Patterns.of(include=[include], exclude=[]).keeps(folder.encode(), is_folder=True) is leads


def test_exclude_wins_over_include() -> None:
    patterns = Patterns.of(include=["docs/"], exclude=["*.tmp"])
    assert patterns.keeps(b"docs/a.md", is_folder=False)
    assert not patterns.keeps(b"docs/a.tmp", is_folder=False)


@pytest.mark.parametrize("pattern", ["", "/", "//", "a//b", "../x", "a/./b", "!keep", "nul\0"])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="pattern"):
        Patterns.of(include=[], exclude=[pattern])
