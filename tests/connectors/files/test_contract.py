"""The files connector is held to what every connector promises."""

from tests.connectors.contract import ConnectorContract


class TestFilesConnector(ConnectorContract):
    pass
