"""Reads the vendored models into `shapes`. Lazy, once a process; 20 ms for the largest.

`botocore` reads the same files, but importing it takes longer than everything else that `serve` imports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

from safehold.api.model.shapes import Kind, Location, Member, Operation, Service, Shape

FILES = {
    "backup": "backup-2018-11-15.json",
    "backupsearch": "backupsearch-2018-05-10.json",
    "iam": "iam-2010-05-08.json",
    "kms": "kms-2014-11-01.json",
    "organizations": "organizations-2016-11-28.json",
    "resourcegroupstaggingapi": "resourcegroupstaggingapi-2017-01-26.json",
    "sts": "sts-2011-06-15.json",
}


@cache
def service(name: str) -> Service:
    """The model of one of the services in `FILES`. Raises KeyError for one that is not served."""
    raw = json.loads(files(__package__).joinpath("data", FILES[name]).read_bytes())
    metadata = raw["metadata"]
    shapes = _Shapes(raw["shapes"])
    return Service(
        name=name,
        version=metadata["apiVersion"],
        protocol=metadata["protocol"],
        signing_name=metadata.get("signingName", metadata["endpointPrefix"]),
        target_prefix=metadata.get("targetPrefix"),
        namespace=metadata.get("xmlNamespace"),
        operations={key: _operation(name, op, shapes) for key, op in raw["operations"].items()},
    )


def _operation(service_name: str, raw: Mapping[str, Any], shapes: _Shapes) -> Operation:
    http = raw["http"]
    path, _, query = http["requestUri"].partition("?")
    return Operation(
        service=service_name,
        name=raw["name"],
        method=http["method"],
        path=tuple(path.strip("/").split("/")),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        status=http.get("responseCode", 200),
        input=shapes.find(raw.get("input")),
        output=shapes.find(raw.get("output")),
    )


class _Shapes:
    """Builds each shape once. INVARIANT: the models hold no recursive shape (the loader would not end)."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._built: dict[str, Shape] = {}

    def find(self, reference: Mapping[str, Any] | None) -> Shape | None:
        return None if reference is None else self.get(reference["shape"])

    def get(self, name: str) -> Shape:
        if name not in self._built:
            self._built[name] = self._build(name, self._raw[name])
        return self._built[name]

    def _build(self, name: str, raw: Mapping[str, Any]) -> Shape:
        return Shape(
            name=name,
            kind=Kind(raw["type"]),
            members=dict(self._members(raw)),
            required=tuple(raw.get("required", ())),
            item=self.find(raw.get("member") or raw.get("value")),
            key=self.find(raw.get("key")),
            pattern=_pattern(raw.get("pattern")),
            enum=frozenset(raw.get("enum", ())),
            minimum=raw.get("min"),
            maximum=raw.get("max"),
            is_sensitive=raw.get("sensitive", False),
        )

    def _members(self, raw: Mapping[str, Any]) -> Iterator[tuple[str, Member]]:
        for name, member in raw.get("members", {}).items():
            yield (
                name,
                Member(
                    name=name,
                    wire_name=member.get("locationName", name),
                    shape=self.get(member["shape"]),
                    location=Location(member.get("location", "body")),
                    is_idempotency_token=member.get("idempotencyToken", False),
                ),
            )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    r"""As AWS means it: `\d` is 0 to 9; a dot is any character, so that a text may have lines.

    Patterns by Unicode category (`\p{L}`, of tags) have no counterpart here; the rules of tags check those.
    """
    if text is None or r"\p{" in text:
        return None
    return re.compile(text, re.ASCII | re.DOTALL)
