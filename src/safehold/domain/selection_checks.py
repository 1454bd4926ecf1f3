"""What a selection may not say. Pure.

Source: AWS Backup Developer Guide, "Assigning resources", "Quotas"; docs/parity/selections.md.
"""

from __future__ import annotations

from safehold.core.errors import InvalidParameterValue, LimitExceeded
from safehold.domain.limits import AwsLimits
from safehold.domain.selection import TAG_CONDITION_PREFIX, SelectionDocument

MAX_EXACT_ARNS = 500
MAX_WILDCARD_ARNS = 30
MAX_CONDITIONS = 30
MAX_TAGS = 30


def check_selection(document: SelectionDocument, limits: AwsLimits) -> None:
    """Raise InvalidParameterValue or LimitExceeded unless a selection can say this."""
    if not document.resources and not document.tags:
        raise InvalidParameterValue(
            "Invalid backup selection. Either 'ListOfTags' or 'Resources' section must be non-empty."
        )
    for pattern in (*(document.resources or ()), *(document.not_resources or ())):
        if pattern != "*" and not pattern.startswith("arn:"):
            raise InvalidParameterValue(f"Invalid ARN: {pattern[:200]}")
    for entry in document.tags or ():
        if entry.condition_type.upper() != "STRINGEQUALS":
            raise InvalidParameterValue(
                f"Invalid condition type in ListOfTags: {entry.condition_type[:50]}. Only STRINGEQUALS is"
                " supported"
            )
    for condition in document.conditions or ():
        if not condition.key.startswith(TAG_CONDITION_PREFIX) or not condition.tag_key:
            raise InvalidParameterValue(
                f"Invalid condition key: {condition.key[:200]!r}. It must be {TAG_CONDITION_PREFIX} and the "
                "key of a tag"
            )
    if limits is AwsLimits.STRICT:
        _check_quotas(document)


def _check_quotas(document: SelectionDocument) -> None:
    arns = document.resources or ()
    wild = sum("*" in arn for arn in arns)
    counts = (
        ("ARNs with wildcards", wild, MAX_WILDCARD_ARNS),
        ("ARNs", len(arns) - wild, MAX_EXACT_ARNS),
        ("conditions", len(document.conditions or ()), MAX_CONDITIONS),
        ("tags", len(document.tags or ()), MAX_TAGS),
    )
    for what, count, most in counts:
        if count > most:
            raise LimitExceeded(f"There are too many {what} in the backup selection: {count}, at most {most}")
