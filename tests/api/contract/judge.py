"""Is an answer one that the published model allows? Read from the wire, beside what the client made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, Shape

# What any request may be refused with. Source: AWS Backup API Reference, "Common Errors"; Smithy restJson1.
COMMON = {
    "AccessDeniedException": {403},
    "ExpiredTokenException": {403},
    "InternalFailure": {500},
    "IncompleteSignature": {403},
    "InvalidSignatureException": {403},
    "MissingAuthenticationTokenException": {403},
    "NotAuthorized": {400, 401},
    "OptInRequired": {403},
    "RequestEntityTooLargeException": {413},
    "RequestTimeoutException": {408},
    "SerializationException": {400},
    "ServiceUnavailable": {503},
    "ThrottlingException": {400, 429},
    "UnknownOperationException": {404},
    "UnrecognizedClientException": {403},
    "ValidationException": {400},
}
NOT_BUILT = ("NotImplementedException", 501)
# A wrong value, a missing one, and a thing that is not there are said in one way by every operation, also by
# the few whose model forgets to say so: clients know the three classes from the rest of the service.
OF_EVERY_OPERATION = frozenset(
    {"InvalidParameterValueException", "MissingParameterValueException", "ResourceNotFoundException"}
)
SERVER_FAULTS = frozenset(
    {"DependencyFailureException", "ServiceUnavailableException", "InternalServerException"}
)
_KINDS: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "timestamp": (int, float),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """One exchange: the answer on the wire, and what the stock client read out of it."""

    status: int
    headers: dict[str, str]
    body: bytes
    code: str | None  # of the error; None when it went well
    read: dict[str, Any]

    @property
    def is_not_built(self) -> bool:
        return (self.code, self.status) == NOT_BUILT


def faults(operation: OperationModel, answered: Answered) -> list[str]:
    """What is wrong with the answer; nothing when the model allows it."""
    if answered.code is None:
        return list(_faults_of_success(operation, answered))
    return [] if answered.is_not_built else list(_faults_of_error(operation, answered))


def _faults_of_success(operation: OperationModel, answered: Answered) -> Iterator[str]:
    wanted = operation.http.get("responseCode", 200)
    if answered.status != wanted:
        yield f"status {answered.status}, the model says {wanted}"
    shape = operation.output_shape
    if shape is None or not shape.members:
        if answered.body not in (b"", b"{}"):
            yield f"a body where the model has none: {answered.body[:80]!r}"
        return
    yield from _faults_of_value(shape, json.loads(answered.body), operation.name)


def _faults_of_error(operation: OperationModel, answered: Answered) -> Iterator[str]:
    code = answered.headers.get("X-Amzn-Errortype", "")
    if answered.code != code:
        yield f"the client read {answered.code}, the header says {code!r}"
    modelled = {shape.name for shape in operation.error_shapes}
    if code in COMMON:
        statuses = COMMON[code]
    elif code in modelled | OF_EVERY_OPERATION:
        statuses = {_status(operation, code)}
    else:
        yield f"{code} is none of this operation's errors: {sorted(modelled)}"
        return
    if answered.status not in statuses:
        yield f"{code} with status {answered.status}, it ought to be {statuses}"
    if code == "InternalFailure":
        yield f"a bug: {answered.body[:200]!r}"
    body = json.loads(answered.body)
    if not (isinstance(body, dict) and (body.get("Message") or body.get("message"))):
        yield f"no message in {answered.body[:200]!r}"


def _status(operation: OperationModel, code: str) -> int:
    shape = next((shape for shape in operation.error_shapes if shape.name == code), None)
    said = None if shape is None else shape.metadata.get("error", {}).get("httpStatusCode")
    return said or (500 if code in SERVER_FAULTS else 400)


def _faults_of_value(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, bool) and shape.type_name != "boolean":
        yield f"{where} is a boolean, the model says {shape.type_name}"
    elif not isinstance(value, _KINDS[shape.type_name]):
        yield f"{where} is a {type(value).__name__}, the model says {shape.type_name}"
    elif shape.type_name == "structure":
        yield from _faults_of_structure(shape, value, where)
    elif shape.type_name == "list":
        for number, item in enumerate(value):
            yield from _faults_of_value(shape.member, item, f"{where}[{number}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _faults_of_value(shape.value, item, f"{where}[{key}]")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}, which is not in the enumeration"


def _faults_of_structure(shape: Shape, value: dict[str, Any], where: str) -> Iterator[str]:
    members = {
        member.serialization.get("name", name): (name, member) for name, member in shape.members.items()
    }
    if unknown := value.keys() - members.keys():
        yield f"{where} has members that the model does not know: {sorted(unknown)}"
    names = {members[wire_name][0] for wire_name in value.keys() & members.keys()}
    if missing := set(shape.required_members) - names:
        yield f"{where} lacks the required members {sorted(missing)}"
    for wire_name in value.keys() & members.keys():
        name, member = members[wire_name]
        yield from _faults_of_value(member, value[wire_name], f"{where}.{name}")
