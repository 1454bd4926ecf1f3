"""What the services beside AWS Backup call the refusals that all of them have.

Source: each service's model (`InvalidInputException`, ...), and "Common errors" of its API reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from safehold.core.errors import RequestError

_BAD_VALUE = ("InvalidParameterValueException", "MissingParameterValueException")
_BAD_VALUE_OF: Mapping[str, str] = {
    "iam": "ValidationError",
    "kms": "ValidationException",
    "organizations": "InvalidInputException",
    "resourcegroupstaggingapi": "InvalidParameterException",
    "sts": "ValidationError",
}
_QUERY: Mapping[str, str] = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "IncompleteSignatureException": "IncompleteSignature",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "ExpiredTokenException": "ExpiredToken",
    "SerializationException": "MalformedInput",
    "AccessDeniedException": "AccessDenied",
    "LimitExceededException": "LimitExceeded",
}


def code_of(error: RequestError, service: str) -> str:
    """The error's name at that service."""
    if error.wire_code in _BAD_VALUE and service in _BAD_VALUE_OF:
        return _BAD_VALUE_OF[service]
    return _QUERY.get(error.wire_code, error.wire_code) if service in ("iam", "sts") else error.wire_code
