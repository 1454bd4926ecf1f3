"""Names and link targets that are no UTF-8 failed a backup or came back as other names.

Here names are bytes from the source to the target; only messages for people escape them.
"""

from __future__ import annotations

from pathlib import Path

from safehold.domain.items import ItemKind
from tests.cli.conftest import Run
from tests.cli.vaults import put_point, store_of
from tests.connectors.files.test_putting_back import (
    test_an_attribute_named_by_any_bytes_is_told_as_text,
    test_any_tree_of_any_names_comes_back_as_it_was,
)
from tests.store.vaults import Other, Tree, flat, restore

__all__ = [
    "test_an_attribute_named_by_any_bytes_is_told_as_text",
    "test_any_tree_of_any_names_comes_back_as_it_was",
]

TREE: Tree = {
    b"caf\xe9": b"latin-1",
    b"\xff\xfe": {b"\x80": b"deep", b"new\nline": b"line"},
    b"link": Other(ItemKind.SYMLINK, (("l", b"caf\xe9/\xff"),)),
}


def test_any_name_is_kept_listed_and_found(data: Path, run: Run) -> None:
    put_point(data, "p", TREE)
    assert restore(store_of(data), "p") == flat(TREE)
    listed = [item["path"] for item in run("points", "ls", "p", "--json").json["items"]]
    assert listed == ["caf\\xe9", "link", "\\xff\\xfe"]
    (found,) = run("points", "find", "p", "*line", "--json").json["items"]
    assert found["path"] == "\\xff\\xfe/new\\x0aline"
    assert run("points", "ls", "p", "\\xff\\xfe", "--json").json["items"][0]["path"] == "new\\x0aline"
