"""What an organization's policies come to for an account, operator by operator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safehold.core.errors import ServiceRefusal
from safehold.domain.org_policies import ALLOWED, merged, read_policy


def assign(value: object) -> dict[str, object]:
    return {"@@assign": value}


def append(*values: str) -> dict[str, object]:
    return {"@@append": list(values)}


def remove(*values: str) -> dict[str, object]:
    return {"@@remove": list(values)}


def regions(node: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {"plans": {"p": {"regions": node} | beside}}


def of_regions(*levels: Any) -> Any:
    """What `regions` come to; each argument is a level, a policy or a list of policies."""
    found = merged([level if isinstance(level, list) else [level] for level in levels])
    return found.get("plans", {}).get("p", {}).get("regions")


ONLY_APPEND = {ALLOWED: ["@@append"]}
NOTHING = {ALLOWED: ["@@none"]}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param([regions(assign(["a", "b"]))], ["a", "b"], id="one policy says it all"),
        pytest.param([regions(assign(["a"])), regions(assign(["b"]))], ["b"], id="assign replaces"),
        pytest.param(
            [regions(assign(["a"])), regions(append("b", "a"))], ["a", "b"], id="append adds what is new"
        ),
        pytest.param([regions(assign(["a", "b"])), regions(remove("a", "x"))], ["b"], id="remove takes"),
        pytest.param([regions(append("a"))], ["a"], id="append to nothing"),
        pytest.param([regions(remove("a"))], [], id="remove from nothing"),
        pytest.param(
            [regions(assign(["a"])), {}, regions(append("b")), regions(append("c"))],
            ["a", "b", "c"],
            id="over several levels",
        ),
        pytest.param(
            [[regions(assign(["a"])), regions(append("b"))]], ["a", "b"], id="policies of one level add up"
        ),
        pytest.param(
            [regions(assign(["a"]) | NOTHING), regions(assign(["b"]))], ["a"], id="none keeps it as it is"
        ),
        pytest.param(
            [regions(assign(["a"]) | ONLY_APPEND), regions(assign(["b"])), regions(append("c"))],
            ["a", "c"],
            id="only what is allowed is done",
        ),
        pytest.param(
            [regions(assign(["a"]) | ONLY_APPEND), regions({ALLOWED: ["@@all"]}), regions(assign(["b"]))],
            ["a"],
            id="nobody further down can widen",
        ),
        pytest.param(
            [regions(assign(["a"]) | ONLY_APPEND), regions({ALLOWED: ["@@remove"]}), regions(append("b"))],
            ["a"],
            id="two restrictions leave what both allow",
        ),
        pytest.param(
            [regions(assign(["a"])) | {ALLOWED: ["@@none"]}, regions(assign(["b"]))],
            ["a"],
            id="what is said of a node holds beneath it",
        ),
        pytest.param(
            [{"plans": {**NOTHING, "p": {"regions": assign(["a"]) | ONLY_APPEND}}}, regions(append("b"))],
            ["a", "b"],
            id="unless the same policy says otherwise there",
        ),
        pytest.param(
            [
                {"plans": {**NOTHING, "p": {"regions": assign(["a"]) | ONLY_APPEND}}},
                {"plans": NOTHING},
                regions(append("b")),
            ],
            ["a"],
            id="a later restriction holds for what an earlier one let through",
        ),
        pytest.param(
            [[regions(assign(["a"]) | NOTHING), regions(append("b"))]],
            ["a", "b"],
            id="a restriction is no matter to policies of its own level",
        ),
        pytest.param([], None, id="no policy"),
        pytest.param([{"plans": NOTHING}], None, id="nothing but a restriction"),
    ],
)
def test_operators_and_what_they_come_to(levels: list[Any], expected: Any) -> None:
    assert of_regions(*levels) == expected


def test_plans_are_merged_by_name_and_new_ones_are_added() -> None:
    first = {"plans": {"a": {"regions": assign(["x"]), "rules": {"r": {"schedule_expression": assign("s")}}}}}
    second = {
        "plans": {
            "a": {"rules": {"r": {"target_backup_vault_name": assign("v")}, "q": {"lifecycle": assign("l")}}},
            "b": {"regions": assign(["y"])},
        }
    }
    assert merged([[first], [second]]) == {
        "plans": {
            "a": {
                "regions": ["x"],
                "rules": {
                    "r": {"schedule_expression": "s", "target_backup_vault_name": "v"},
                    "q": {"lifecycle": "l"},
                },
            },
            "b": {"regions": ["y"]},
        }
    }


def test_no_plan_can_be_added_where_none_may_be() -> None:
    first = {"plans": {**NOTHING, "a": {"regions": assign(["x"])}}}
    second = {"plans": {"b": {"regions": assign(["y"])}, "a": {"rules": {"r": {"x": assign("1")}}}}}
    assert merged([[first], [second]]) == {"plans": {"a": {"regions": ["x"]}}}


def test_a_plan_may_be_left_open_though_no_other_can_be_added() -> None:
    first = {"plans": {**NOTHING, "a": {ALLOWED: ["@@all"], "regions": assign(["x"])}}}
    second = {"plans": {"b": {"regions": assign(["y"])}, "a": {"regions": append("z")}}}
    assert merged([[first], [second]]) == {"plans": {"a": {"regions": ["x", "z"]}}}


def test_what_one_says_is_not_changed_by_merging() -> None:
    first = regions(assign(["a"]))
    before = json.dumps(first)
    merged([[first], [regions(append("b"))]])
    assert json.dumps(first) == before


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "MalformedPolicyDocumentException"),
        ("[]", "MalformedPolicyDocumentException"),
        ('{"plan": {}}', "MalformedPolicyDocumentException"),
        ('{"plans": {"p": {"regions": ["a"]}}}', "MalformedPolicyDocumentException"),
        ('{"plans": {"p": {"regions": {"@@put": ["a"]}}}}', "MalformedPolicyDocumentException"),
        ('{"plans": {"p": {"regions": {"@@assign": 5}}}}', "MalformedPolicyDocumentException"),
        (
            '{"plans": {"p": {"regions": {"@@assign": "a", "@@append": "b"}}}}',
            "MalformedPolicyDocumentException",
        ),
        ('{"plans": {"p": {"@@assign": "a", "regions": {}}}}', "MalformedPolicyDocumentException"),
        (json.dumps({"plans": {ALLOWED: ["@@some"]}}), "MalformedPolicyDocumentException"),
        (json.dumps(regions(assign(["x" * 10_000]))), "ConstraintViolationException"),
        ('{"plans": ' + '{"a": ' * 30 + '{"@@assign": "x"}' + "}" * 31, "MalformedPolicyDocumentException"),
    ],
    ids=lambda value: value[:60],
)
def test_a_document_that_is_no_policy_is_refused(text: str, code: str) -> None:
    with pytest.raises(ServiceRefusal) as refused:
        read_policy(text)
    assert refused.value.wire_code == code
