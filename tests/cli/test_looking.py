"""`points ls`, `points find`, `points diff`: looking into points without restoring them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.vaults import put_point
from tests.store.vaults import Tree

ONE: Tree = {b"docs": {b"a.txt": b"1", b"b.txt": b"2"}, b"\xff\nname": b"3", b"x": b"4"}
OTHER: Tree = {b"papers": ONE[b"docs"], b"\xff\nname": b"3", b"x": b"5", b"back\\slash": b"6"}


@pytest.fixture
def points(data: Path) -> tuple[str, str]:
    return put_point(data, "p", ONE), put_point(data, "q", OTHER, previous="p")


def test_a_folder_is_listed_page_after_page(points: tuple[str, str], run: Run) -> None:
    answer = run("points", "ls", points[0], "docs", "--limit", 1, "--json").json
    assert [item["path"] for item in answer["items"]] == ["a.txt"]
    answer = run("points", "ls", points[0], "docs", "--after", answer["next"], "--json").json
    assert [(item["path"], item["kind"], item["size_bytes"]) for item in answer["items"]] == [
        ("b.txt", "file", 1)
    ]
    assert answer["next"] is None
    assert "a.txt" in run("points", "ls", "p", "docs").out


def test_names_that_are_not_text_are_escaped_and_taken_back(points: tuple[str, str], run: Run) -> None:
    (found,) = run("points", "find", points[0], "*name", "--json").json["items"]
    assert found["path"] == "\\xff\\x0aname"
    assert run("points", "find", points[0], found["path"], "--json").json["items"] == [found]
    (found,) = run("points", "find", points[1], "back", "--as", "prefix", "--json").json["items"]
    assert found["path"] == "back\\\\slash"
    for name in (found["path"], "back\\slash"):
        assert run("points", "find", points[1], name, "--json").json["items"] == [found]


def test_what_is_not_found_ends_with_1(points: tuple[str, str], run: Run) -> None:
    assert run("points", "find", points[0], "nobody").code == 1
    assert run("points", "ls", points[0], "nowhere").code == 1
    assert run("points", "ls", "no-such-point").code == 1
    assert run("points", "find", points[0], "*.txt", "--in", "docs").code == 0


def test_what_changed_is_told(points: tuple[str, str], run: Run) -> None:
    answer = run("points", "diff", *points, "--json").json
    changes = [(each["change"], each["path"], each.get("old_path")) for each in answer["changes"]]
    assert changes == [
        ("added", "back\\\\slash", None),
        ("changed", "x", None),
        ("renamed", "papers", "docs"),
    ]
    assert not answer["is_cut_off"]
    assert "> docs/ is now papers/" in run("points", "diff", *points).out
    assert run("points", "diff", *points, "--limit", 1, "--json").json["is_cut_off"]
    assert run("points", "diff", *points, "papers", "--json").json["changes"][0]["path"] == "papers/a.txt"


def test_points_of_two_vaults_have_no_names_in_common(data: Path, run: Run, tree: Path) -> None:
    assert run("protect", tree, "--vault", "Other").code == 0
    one, other = put_point(data, "p", ONE), put_point(data, "q", OTHER, vault="Other")
    answer = run("points", "diff", one, other)
    assert answer.code == 1
    assert "different vaults" in answer.err


def test_points_alone_still_lists_them(points: tuple[str, str], run: Run) -> None:
    assert {row["arn"] for row in run("points", "--json").json["points"]} == set(points)
    assert len(run("points", "--vault", "Default", "--limit", 1, "--json").json["points"]) == 1


def test_an_index_is_asked_for_and_given_up(points: tuple[str, str], run: Run) -> None:
    answer = run("points", "index", points[0], "--json").json
    assert (answer["recovery_point_arn"], answer["status"]) == (points[0], "PENDING")
    assert run("points", "index", "p", "--off").out == "index: DELETING\n"
    assert run("points", "index", "q", "--off").out == "index: none\n"
    assert run("points", "index", "no-such-point").code == 1
