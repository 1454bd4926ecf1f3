"""Start and completion windows: how late a job may begin, and how long it may take. Pure.

Source: AWS Backup Developer Guide, "Backup plan options and configuration"; model 2018-11-15 `WindowMinutes`.
"""

from __future__ import annotations

from safehold.domain.limits import AwsLimits

DEFAULT_START_WINDOW_MINUTES = 480
DEFAULT_COMPLETION_WINDOW_MINUTES = 10_080
MAX_WINDOW_MINUTES = 52_560_000  # a hundred years, AWS's own bound
STRICT_MIN_START_WINDOW_MINUTES = 60


def window_fault(start_minutes: int | None, completion_minutes: int | None, limits: AwsLimits) -> str | None:
    """Why these windows cannot be had; None when they can. An absent one is the default and always fits."""
    least = STRICT_MIN_START_WINDOW_MINUTES if limits is AwsLimits.STRICT else 1
    if start_minutes is not None and not least <= start_minutes <= MAX_WINDOW_MINUTES:
        return f"Invalid start window. It must be between {least} and {MAX_WINDOW_MINUTES} minutes"
    if completion_minutes is not None and not 1 <= completion_minutes <= MAX_WINDOW_MINUTES:
        return f"Invalid completion window. It must be between 1 and {MAX_WINDOW_MINUTES} minutes"
    is_too_short = (
        limits is AwsLimits.STRICT
        and completion_minutes is not None
        and completion_minutes < (start_minutes or DEFAULT_START_WINDOW_MINUTES)
    )
    return "Invalid completion window. It cannot be shorter than the start window" if is_too_short else None
