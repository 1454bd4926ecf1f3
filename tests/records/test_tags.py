"""Tags as rows."""

from __future__ import annotations

from safehold.records import tags
from safehold.records.engine import Catalog


def test_putting_tags_merges_and_the_newer_value_wins(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        tags.put(tx, "arn:a", {"env": "test", "owner": "me"})
        tags.put(tx, "arn:a", {"env": "prod", "cost": ""})
        tags.put(tx, "arn:a", {})
        assert tags.of(tx, "arn:a") == {"cost": "", "env": "prod", "owner": "me"}


def test_tags_of_one_thing_are_not_those_of_another(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        tags.put(tx, "arn:a", {"env": "a"})
        tags.put(tx, "arn:b", {"env": "b", "x": "y"})
        tags.delete(tx, "arn:a", ["env", "never there"])
        assert tags.of(tx, "arn:a") == {}
        assert tags.of_many(tx, ["arn:b", "arn:none"]) == {"arn:b": {"env": "b", "x": "y"}, "arn:none": {}}
        tags.delete_all(tx, "arn:b")
        assert tags.of(tx, "arn:b") == {}


def test_tags_of_more_things_than_a_query_takes(catalog: Catalog) -> None:
    arns = [f"arn:{number}" for number in range(1201)]
    with catalog.begin() as tx:
        for arn in arns:
            tags.put(tx, arn, {"name": arn})
        assert tags.of_many(tx, arns) == {arn: {"name": arn} for arn in arns}
