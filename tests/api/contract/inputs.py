"""Inputs for every operation, made from the published model: small ones, whole ones, and broken ones."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.model import OperationModel, Shape

Params = dict[str, Any]
Path = tuple[str | int, ...]

TIME = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
# AWS does not enforce these, though its model says them. Source: AWS Backup Developer Guide, whose examples
# name the type "SAP HANA on Amazon EC2" and the condition "StringEquals".
UNENFORCED = frozenset({"ResourceType", "ScanResourceType", "ConditionType"})
OF_THE_PAGE = frozenset({"NextToken", "nextToken"})  # no list has given us one
_BROKEN_TEXTS = (" ", "!", "x !", "ü" * 60)


@dataclass(frozen=True, slots=True)
class Broken:
    """An input that breaks one rule of the model, and the error that says so."""

    rule: str
    params: Params
    code: str


def smallest(operation: OperationModel, known: Mapping[str, Any]) -> Params:
    """The required members alone."""
    shape = operation.input_shape
    return {} if shape is None else _members(shape, known, is_whole=False)


def whole(operation: OperationModel, known: Mapping[str, Any]) -> Params:
    """Every member there is, but the token of a page."""
    shape = operation.input_shape
    return {} if shape is None else _members(shape, known, is_whole=True)


def one_more(operation: OperationModel, known: Mapping[str, Any]) -> Iterator[Params]:
    """The required members, and one of the others at a time."""
    shape, required = operation.input_shape, smallest(operation, known)
    for name, member in shape.members.items() if shape is not None else ():
        if name not in OF_THE_PAGE and name not in shape.required_members:
            yield {**required, name: _value(member, name, known, is_whole=True)}


def broken(operation: OperationModel, known: Mapping[str, Any]) -> Iterator[Broken]:
    """The whole input, every document in it whole too, with one rule of the model broken at a time."""
    shape = operation.input_shape
    if shape is None:
        return
    texts = {name: value for name, value in known.items() if isinstance(value, str)}
    base = _members(shape, texts, is_whole=True)
    for path, rule, value in _rules(shape, base, ()):
        if not _is_lost_on_the_way(shape, path, value):
            yield Broken(f"{_spelt(path)}: {rule}", _with(base, path, value), _code(value))


_GONE = object()
_WRONG_TYPES = {"string": 5, "boolean": "yes", "integer": "five", "long": "five"}


def _code(value: object) -> str:
    if value is _GONE:
        return "MissingParameterValueException"
    is_other_type = any(value is wrong for wrong in _WRONG_TYPES.values())
    return "SerializationException" if is_other_type else "InvalidParameterValueException"


def _is_lost_on_the_way(shape: Shape, path: Path, value: object) -> bool:
    """An empty text in a URI is another URI, in a query it is nothing; a number is a text in both."""
    is_in_body = not shape.members[str(path[0])].serialization.get("location")
    return not is_in_body and (value == "" or value is _WRONG_TYPES["string"])


def _members(shape: Shape, known: Mapping[str, Any], *, is_whole: bool) -> Params:
    return {
        name: _value(member, name, known, is_whole=is_whole)
        for name, member in shape.members.items()
        if name not in OF_THE_PAGE and (is_whole or name in shape.required_members)
    }


def _value(shape: Shape, name: str, known: Mapping[str, Any], *, is_whole: bool) -> Any:
    """A value that the model allows; `known` has better ones, by a member's name or a shape's."""
    for key in (name, shape.name):
        if key in known and _fits(known[key], shape):
            return _known_members(shape, copy.deepcopy(known[key]))
    match shape.type_name:
        case "structure":
            return _members(shape, known, is_whole=is_whole)
        case "list":
            return [_value(shape.member, "", known, is_whole=is_whole)]
        case "map":
            return {"key-1": _value(shape.value, "", known, is_whole=is_whole)}
        case "timestamp":
            return TIME
        case "boolean":
            return False
        case "integer" | "long":
            return max(7, shape.metadata.get("min", 0))
    return shape.enum[0] if getattr(shape, "enum", None) else "text_1"


def _known_members(shape: Shape, value: Any) -> Any:
    """One document stands for the several shapes in which it is created, updated and listed."""
    if shape.type_name != "structure":
        return value
    return {name: item for name, item in value.items() if name in shape.members}


def _fits(value: object, shape: Shape) -> bool:
    wanted = {"structure": dict, "map": dict, "list": list, "string": str, "integer": int, "long": int}
    return isinstance(value, wanted.get(shape.type_name, ()))


def _rules(shape: Shape, value: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    """Each rule that the model has about this value and what is in it, with a value that breaks it."""
    if shape.type_name in _WRONG_TYPES:
        yield path, "of another type", _WRONG_TYPES[shape.type_name]
    match shape.type_name:
        case "structure":
            for name in shape.required_members:
                is_in_uri = shape.members[name].serialization.get("location") == "uri"
                if not is_in_uri:  # no client can write that request
                    yield (*path, name), "is not there", _GONE
            for name, member in shape.members.items():
                if name in value:
                    found = _rules(member, value[name], (*path, name))
                    is_required = name in shape.required_members
                    yield from (rule for rule in found if not (is_required and _is_nothing(rule, path)))
        case "list":
            yield from _lengths(shape, value, path)
            if value:
                yield from _rules(shape.member, value[0], (*path, 0))
        case "map":
            yield from _lengths(shape, value, path)
        case "integer" | "long":
            least, most = shape.metadata.get("min"), shape.metadata.get("max")
            if least is not None:
                yield path, f"below {least}", least - 1
            if most is not None:
                yield path, f"above {most}", most + 1
        case "string" if shape.name not in UNENFORCED:
            yield from _texts(shape, value, path)


def _is_nothing(rule: tuple[Path, str, Any], path: Path) -> bool:
    """An empty text in place of a member: where that is required it counts as missing."""
    return rule[2] == "" and len(rule[0]) == len(path) + 1


def _lengths(shape: Shape, value: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least:
        yield path, f"fewer than {least}", type(value)()
    if most is not None and most < 2000:
        many = [value[0]] * (most + 1) if isinstance(value, list) else {f"k{n}": "v" for n in range(most + 1)}
        yield path, f"more than {most}", many


def _texts(shape: Shape, value: str, path: Path) -> Iterator[tuple[Path, str, Any]]:
    if shape.enum:
        yield path, "not in the enumeration", "NOT_IN_THE_ENUMERATION"
        return
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least:
        yield path, f"shorter than {least}", ""
    if most is not None and most < 5000:
        yield path, f"longer than {most}", "a" * (most + 1)
    pattern = shape.metadata.get("pattern")
    if pattern is not None:
        bad = next(text for text in _BROKEN_TEXTS if not re.fullmatch(pattern, text, re.DOTALL))
        yield path, f"does not match {pattern}", bad


def _with(base: Params, path: Path, value: object) -> Params:
    """`base` with another value at `path`."""
    changed: Any = copy.deepcopy(base)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    if value is _GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return changed  # type: ignore[no-any-return]


def _spelt(path: Path) -> str:
    return ".".join(str(step) for step in path)
