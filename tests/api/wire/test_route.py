"""Where a path leads when several templates fit it."""

from safehold.api.wire.http import HttpRequest
from safehold.api.wire.route import Match, Table


def found(table: Table[str], path: str, *query: tuple[str, str]) -> Match[str] | None:
    return table.find(HttpRequest("GET", path, query, {}, b""))


def test_the_most_particular_route_wins_in_whatever_order_they_came() -> None:
    routes = [
        (("{kind}", "{name}"), {}, "any"),
        (("a", "{name}"), {}, "named"),
        (("a", "b"), {}, "literal"),
        (("a", "{name}"), {"delete": ""}, "with a parameter"),
        (("a", "{name}"), {"mode": "x"}, "with a value"),
    ]
    for ordered in (routes, routes[::-1]):
        table: Table[str] = Table()
        for segments, query, target in ordered:
            table.add("GET", segments, query, target)
        assert found(table, "/x/y") == Match("any", {"kind": "x", "name": "y"})
        assert found(table, "/a/y") == Match("named", {"name": "y"})
        assert found(table, "/a/b/") == Match("literal", {})
        assert found(table, "/a/y", ("delete", "")) == Match("with a parameter", {"name": "y"})
        assert found(table, "/a/y", ("mode", "x")) == Match("with a value", {"name": "y"})
        assert found(table, "/a/y", ("mode", "z")) == Match("named", {"name": "y"})
        assert found(table, "/a") is None


def test_labels_are_decoded_after_the_path_was_split() -> None:
    table: Table[str] = Table()
    table.add("GET", ("tags", "{arn}"), {}, "tags")
    assert found(table, "/tags/arn%3Aa%2Fb%252F%20%C3%BC+") == Match("tags", {"arn": "arn:a/b%2F ü+"})
