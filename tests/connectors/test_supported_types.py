"""What the API says can be backed up is what there are connectors for."""

from __future__ import annotations

from safehold.connectors.registry import CONNECTORS
from safehold.domain.resource_types import SUPPORTED_TYPES


def test_the_supported_types_are_those_of_the_connectors() -> None:
    assert set(SUPPORTED_TYPES) == set().union(*(one.resource_types for one in CONNECTORS))
