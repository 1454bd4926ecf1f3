"""The connectors there are: one line each, so that nothing is loaded that nobody listed."""

from __future__ import annotations

from safehold.connectors.contract import Connector
from safehold.connectors.files.connector import FilesConnector
from safehold.core import ids
from safehold.core.errors import ConfigError

CONNECTORS: tuple[Connector, ...] = (FilesConnector(draw=ids.draw),)


def connector_of(kind: str) -> Connector:
    """The connector for sources of this kind. Raises ConfigError for a kind that there is none for."""
    for connector in CONNECTORS:
        if connector.kind == kind:
            return connector
    kinds = ", ".join(sorted(connector.kind for connector in CONNECTORS))
    raise ConfigError(f"there is no connector for sources of kind {kind!r}; there is: {kinds}")
