"""Whose limits hold: those of AWS's own cloud, or the wider ones of the machines at hand."""

from __future__ import annotations

from enum import StrEnum


class AwsLimits(StrEnum):
    """The setting `aws_limits`."""

    STRICT = "strict"  # refuses what AWS refuses
    EXTENDED = "extended"  # allows more
