"""What the API says can be backed up is what there are connectors for."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import iter_modules

import safehold.connectors
from safehold.domain.resource_types import SUPPORTED_TYPES


def test_the_supported_types_are_those_of_the_connectors() -> None:
    found: set[str] = set()
    for package in iter_modules(safehold.connectors.__path__):
        if package.ispkg:
            module = import_module(f"safehold.connectors.{package.name}.connector")
            for _, kind in inspect.getmembers(module, inspect.isclass):
                found |= getattr(kind, "resource_types", frozenset())
    assert set(SUPPORTED_TYPES) == found
