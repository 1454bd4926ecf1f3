"""Is a parsed request one that the model allows?

Required members, lengths, ranges, patterns and enumerations, read off the shapes. Where AWS itself does not
enforce what its model says, neither do we; `RELAXED`, `FREE_ENUMS` and `FREE_LENGTHS` are the whole list.
Source: model 2018-11-15, also its documentation of `ListBackupJobSummaries` (`AccountId=ANY`); AWS Backup
Developer Guide for what is not enforced (resource type names with blanks, `StringEquals` in every example,
the vault `aws/efs/automatic-backup-vault`, `accountId=*`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from safehold.api.model.shapes import Kind, Operation, Shape
from safehold.core.errors import InvalidParameterValue, MissingParameterValue, WireError

RELAXED: Mapping[str, re.Pattern[str] | None] = {
    "ResourceType": None,
    "BackupVaultName": re.compile(r"aws/[a-zA-Z0-9\-_/]{1,60}|[a-zA-Z0-9\-_]{2,50}", re.ASCII),
    "AccountId": re.compile(r"\*|ANY|AGGREGATE_ALL|[0-9]{12}", re.ASCII),
}
FREE_ENUMS = frozenset({"ConditionType", "ResourceType", "ScanResourceType"})
FREE_LENGTHS = frozenset({"ResourceTypeList"})  # of a search: its types are all that have items, one or many
# These name a new vault, so that the model's own pattern holds.
NAMING_A_VAULT = frozenset(
    {"CreateBackupVault", "CreateLogicallyAirGappedBackupVault", "CreateRestoreAccessBackupVault"}
)

_TYPES: Mapping[Kind, type | tuple[type, ...]] = {
    Kind.STRUCTURE: Mapping,
    Kind.MAP: Mapping,
    Kind.LIST: (list, tuple),
    Kind.STRING: str,
    Kind.INTEGER: int,
    Kind.LONG: int,
    Kind.BOOLEAN: bool,
    Kind.TIMESTAMP: datetime,
}


def validate(operation: Operation, request: Mapping[str, Any]) -> None:
    """`request` satisfies the model; else MissingParameterValue, InvalidParameterValue or WireError."""
    if operation.input is not None:
        _Check(operation).structure(operation.input, request, "")


class _Check:
    """One walk over a request beside its shapes; `where` is the path of the value, for the message."""

    def __init__(self, operation: Operation) -> None:
        self._is_naming_a_vault = operation.name in NAMING_A_VAULT
        # An empty text is taken for none; but Organizations wants a description that may be empty.
        self._nothing = (None,) if operation.service == "organizations" else (None, "")

    def structure(self, shape: Shape, value: Mapping[str, Any], where: str) -> None:
        for name in shape.required:
            if value.get(name) in self._nothing:
                raise MissingParameterValue(f"{_join(where, name)} is required")
        for name, member in shape.members.items():
            if (inner := value.get(name)) is not None:
                self.any(member.shape, inner, _join(where, name))

    def any(self, shape: Shape, value: Any, where: str) -> None:
        _type(shape, value, where)
        match shape.kind:
            case Kind.STRUCTURE:
                self.structure(shape, value, where)
            case Kind.LIST:
                self._list(shape, value, where)
            case Kind.MAP:
                self._map(shape, value, where)
            case Kind.STRING:
                self._string(shape, value, where)
            case Kind.INTEGER | Kind.LONG:
                _range(shape, value, where)

    def _list(self, shape: Shape, value: Collection[Any], where: str) -> None:
        assert shape.item is not None
        if shape.name not in FREE_LENGTHS or not value:
            _length(shape, value, where)
        for number, item in enumerate(value, 1):
            self.any(shape.item, item, f"{where}.{number}.member")

    def _map(self, shape: Shape, value: Mapping[str, Any], where: str) -> None:
        assert shape.item is not None
        assert shape.key is not None
        _length(shape, value, where)
        for key, item in value.items():
            self.any(shape.key, key, f"{where} key")
            self.any(shape.item, item, f"{where} value")

    def _string(self, shape: Shape, value: str, where: str) -> None:
        _length(shape, value, where)
        if shape.enum and value not in shape.enum and shape.name not in FREE_ENUMS:
            raise _unsatisfied(
                where, f"Member must satisfy enum value set: [{', '.join(sorted(shape.enum))}]"
            )
        pattern = self._pattern(shape)
        if pattern is not None and not pattern.fullmatch(value):
            raise _unsatisfied(where, f"Member must satisfy regular expression pattern: {pattern.pattern}")

    def _pattern(self, shape: Shape) -> re.Pattern[str] | None:
        if shape.name == "BackupVaultName" and self._is_naming_a_vault:
            return shape.pattern
        return RELAXED.get(shape.name, shape.pattern)


def _type(shape: Shape, value: Any, where: str) -> None:
    wanted = _TYPES[shape.kind]
    is_bool_for_number = wanted is int and isinstance(value, bool)
    if not isinstance(value, wanted) or is_bool_for_number:
        raise WireError("SerializationException", f"{where} is not a {shape.kind}")


def _length(shape: Shape, value: Collection[Any], where: str) -> None:
    if shape.minimum is not None and len(value) < shape.minimum:
        raise _unsatisfied(where, f"Member must have length greater than or equal to {shape.minimum}")
    if shape.maximum is not None and len(value) > shape.maximum:
        raise _unsatisfied(where, f"Member must have length less than or equal to {shape.maximum}")


def _range(shape: Shape, value: int, where: str) -> None:
    if shape.minimum is not None and value < shape.minimum:
        raise _unsatisfied(where, f"Member must have value greater than or equal to {shape.minimum}")
    if shape.maximum is not None and value > shape.maximum:
        raise _unsatisfied(where, f"Member must have value less than or equal to {shape.maximum}")


def _unsatisfied(where: str, rule: str) -> InvalidParameterValue:
    # The value itself stays out: it may be a secret, and it may be megabytes long.
    return InvalidParameterValue(f"Value at '{where}' failed to satisfy constraint: {rule}")


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
