"""The picture in core.errors is the truth about core.errors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from safehold.core import errors

SOURCE = Path(errors.__file__).parents[1]


def descendants(error: type[errors.SafeholdError]) -> set[type[errors.SafeholdError]]:
    children = set(error.__subclasses__())
    return children.union(*map(descendants, children))


def drawn_tree() -> dict[str, str]:
    """Each error of the picture and the one it hangs under."""
    parents = ["SafeholdError"]
    tree = {}
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"^    ((?:│  |   )*)[├└]─ (\w+)", line)
        if drawn:
            depth = len(drawn[1]) // 3 + 1
            parents[depth:] = [drawn[2]]
            tree[drawn[2]] = parents[depth - 1]
    return tree


def own_errors() -> set[type[errors.SafeholdError]]:
    return {error for error in descendants(errors.SafeholdError) if error.__module__ == errors.__name__}


def test_the_picture_shows_every_error_under_its_parent() -> None:
    assert {
        error.__name__: error.__base__.__name__ for error in own_errors() if error.__base__
    } == drawn_tree()


def test_no_error_is_defined_outside_the_picture() -> None:
    known = {"SafeholdError", *drawn_tree()}
    strays = [
        f"{path.relative_to(SOURCE)}: {node.name}"
        for path in SOURCE.rglob("*.py")
        if path != Path(errors.__file__)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if ast.unparse(base).split(".")[-1] in known
    ]
    assert strays == []


@pytest.mark.parametrize("error", sorted(own_errors(), key=lambda error: error.__name__))
def test_a_hint_is_one_whole_sentence(error: type[errors.SafeholdError]) -> None:
    assert error.hint == "" or re.fullmatch(r"[A-Z].*\.", error.hint)
