"""The list of connectors, and that each of them is held to the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.connectors import registry
from safehold.core.errors import ConfigError

HERE = Path(__file__).parent


def test_a_connector_is_found_by_its_kind() -> None:
    assert registry.connector_of("files").kind == "files"


def test_an_unknown_kind_is_told_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"'tapes'; there is: files"):
        registry.connector_of("tapes")


def test_no_kind_stands_for_two_connectors() -> None:
    kinds = [connector.kind for connector in registry.CONNECTORS]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("kind", [connector.kind for connector in registry.CONNECTORS])
def test_every_connector_meets_the_contract(kind: str) -> None:
    modules = (HERE / kind).glob("test_*.py")
    assert any("(ConnectorContract)" in module.read_text() for module in modules)
