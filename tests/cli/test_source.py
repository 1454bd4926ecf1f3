"""Sources are added, asked, listed and removed; what they hold is tagged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


def add(run: Run, tree: Path, *more: str, name: str = "tree") -> Any:
    words = ["source", "add", "files", "--name", name, "--path", tree, "--type", "EFS", "--json", *more]
    answer = run(*words)
    assert answer.code == 0, answer.err
    return answer.json


def tags_of(run: Run, arn: str) -> dict[str, str]:
    tags: dict[str, str] = run("tag", arn, "--json").json["tags"]
    return tags


def test_adding_a_source_prints_the_resources_it_holds(data: Path, tree: Path, run: Run) -> None:
    added = add(run, tree, "--tag", "backup=daily", "--exclude", "*.tmp")
    (arn,) = added["arns"]
    assert arn.startswith("arn:aws:elasticfilesystem:us-east-1:")
    assert added["resources"][0]["tags"] == {"backup": "daily"}
    (source,) = run("source", "list", "--json").json["sources"]
    assert (source["name"], source["path"], source["resource_count"]) == ("tree", str(tree), 1)
    assert source["settings"]["exclude"] == ["*.tmp"]


def test_a_folder_that_is_not_there_leaves_no_source(data: Path, tmp_path: Path, run: Run) -> None:
    answer = run("source", "add", "files", "--name", "x", "--path", tmp_path / "none")
    assert answer.code == 1
    assert str(tmp_path / "none") in answer.err
    assert run("source", "list", "--json").json["sources"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["source", "add", "nonsense", "--name", "x", "--path", "/"], 2),
        (["source", "add", "files", "--name", "x", "--path", "/", "--type", "S3"], 2),
        (["source", "add", "files", "--name", "x", "--path", "/", "--tag", "novalue"], 2),
        (["source", "add", "files", "--name", "x", "--path", "/", "--tag", "aws:x=y"], 1),
        (["source", "remove", "x"], 1),
        (["source", "discover", "x"], 1),
    ],
)
def test_what_cannot_be_is_told_without_a_trace(data: Path, run: Run, words: list[str], code: int) -> None:
    answer = run(*words)
    assert answer.code == code
    assert "Traceback" not in answer.err
    assert run("source", "list", "--json").json["sources"] == []


def test_a_name_is_taken_once(data: Path, tree: Path, run: Run) -> None:
    add(run, tree)
    answer = run("source", "add", "files", "--name", "tree", "--path", tree)
    assert answer.code == 1
    assert "already" in answer.err


def test_a_source_that_comes_back_holds_the_same_resources(data: Path, tree: Path, run: Run) -> None:
    (arn,) = add(run, tree)["arns"]
    assert run("source", "remove", "tree", "--json").json["arns"] == [arn]
    assert run("source", "list", "--json").json["sources"] == []
    assert add(run, tree)["arns"] == [arn]


def test_asking_a_source_shows_what_went_wrong(data: Path, tree: Path, run: Run) -> None:
    add(run, tree)
    tree.rename(tree.with_name("moved"))
    assert run("source", "discover", "tree").code == 1
    (source,) = run("source", "list", "--json").json["sources"]
    assert str(tree) in source["error"]
    assert source["resource_count"] == 1  # it is not lost because it cannot be seen
    assert f"source tree: {source['error']}" in run("status", "--json").json["troubles"]


def test_a_resource_is_tagged_by_hand(data: Path, tree: Path, run: Run) -> None:
    (arn,) = add(run, tree)["arns"]
    assert run("tag", arn, "a=1", "b=x=y").code == 0
    assert tags_of(run, arn) == {"a": "1", "b": "x=y"}
    assert run("tag", arn + "9", "a=1").code == 1


def test_a_rule_tags_what_is_there_and_what_is_found_later(data: Path, tree: Path, run: Run) -> None:
    (old,) = add(run, tree)["arns"]
    answer = run("tag", "--rule", f"{tree.parent}/*", "backup=daily", "--json")
    assert answer.json["arns"] == [old]
    assert answer.json["on"] == "path"
    later = tree.with_name("later")
    later.mkdir()
    (new,) = add(run, later, name="later")["arns"]
    assert tags_of(run, old) == tags_of(run, new) == {"backup": "daily"}
    (rule,) = run("tag", "--rules", "--json").json["rules"]
    assert run("tag", "--remove-rule", rule["id"]).code == 0
    assert run("tag", "--rules", "--json").json["rules"] == []
    assert run("tag", "--remove-rule", rule["id"]).code == 1


def test_a_rule_leaves_tags_of_the_same_key_alone(data: Path, tree: Path, run: Run) -> None:
    (arn,) = add(run, tree, "--tag", "backup=never")["arns"]
    run("tag", "--rule", "tr*", "backup=daily", "more=1")
    assert tags_of(run, arn) == {"backup": "never", "more": "1"}


def test_safehold_is_not_backed_up_into_itself(data: Path, run: Run) -> None:
    add(run, data.parent, "--exclude", "*.tmp")
    (source,) = run("source", "list", "--json").json["sources"]
    assert source["settings"]["exclude"] == ["*.tmp", f"/{data.name}/"]


def test_safeholds_own_folder_is_no_source(data: Path, run: Run) -> None:
    answer = run("source", "add", "files", "--name", "x", "--path", data / "vaults", "--type", "EFS")
    assert answer.code == 2
    assert "belongs to Safehold itself" in answer.err
