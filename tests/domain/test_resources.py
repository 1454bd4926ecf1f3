"""Which tags a newly found resource gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from safehold.domain.resources import Matches, Resource, TagRule, tags_when_found
from safehold.domain.sources import Source

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def a_rule(pattern: str, matches: Matches = Matches.NAME, value: str = "v", age_days: int = 0) -> TagRule:
    return TagRule("t1", "1" * 12, pattern, matches, "k", value, NOW - timedelta(days=age_days))


def a_resource(name: str = "home", path: str | None = "/srv/home") -> Resource:
    facts = {} if path is None else {"path": path}
    return Resource("arn:r", "1" * 12, "us-east-1", "s1", "EFS", name, None, facts, NOW)


def a_source(**settings: object) -> Source:
    return Source("s1", "1" * 12, "us-east-1", "home", "files", "EFS", settings, NOW)


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        (a_rule("home"), True),
        (a_rule("ho*"), True),
        (a_rule("HOME"), False),
        (a_rule("/srv/*"), False),
        (a_rule("/srv/*", Matches.PATH), True),
        (a_rule("home", Matches.PATH), False),
    ],
)
def test_a_rule_looks_at_the_name_or_the_path(rule: TagRule, applies: bool) -> None:
    assert rule.applies_to(a_resource()) is applies


def test_a_resource_without_a_path_matches_no_path() -> None:
    assert not a_rule("*", Matches.PATH).applies_to(a_resource(path=None))


def test_what_a_person_declared_wins_over_what_the_source_says() -> None:
    rules = [a_rule("*", value="younger"), a_rule("*", value="older", age_days=1)]
    known = {"k": "known", "o": "1"}
    assert tags_when_found(a_resource(), a_source(), known, rules) == {
        "k": "younger",
        "o": "1",
    }
    assert tags_when_found(a_resource(), a_source(tags={"k": "declared"}), {}, rules) == {"k": "declared"}
