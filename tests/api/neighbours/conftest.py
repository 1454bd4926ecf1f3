"""A whole installation behind a server, and stock clients of it with whatever keys a test has."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from safehold.api.assembly import api_app
from safehold.api.server import running
from safehold.core.secrets import RootKey
from safehold.records import installation
from safehold.records.engine import Catalog
from tests.api.conftest import ACCOUNT, NOW, MovableClock

SITE = "eu-north-1"


class Installed:
    """An installation with its first account's root key; `client` makes clients of any service."""

    def __init__(self, catalog: Catalog, url: str, made: installation.Installation) -> None:
        self.catalog = catalog
        self.url = url
        self.root = (made.access_key_id, made.secret_access_key, None)
        self._clients: list[BaseClient] = []

    def client(self, service: str, keys: Any = None, *, site: str = SITE) -> Any:
        key_id, secret, token = keys or self.root
        self._clients.append(
            boto3.client(
                service,
                endpoint_url=self.url,
                region_name=site,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=Config(retries={"max_attempts": 0}),
            )
        )
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def installed(tmp_path: Path, sqlite_template: Path, clock: MovableClock) -> Iterator[Installed]:
    path = shutil.copy(sqlite_template, tmp_path / "installed.db")
    catalog = Catalog(f"sqlite:///{path}")
    root_key = RootKey(b"r" * 32)
    made = installation.create(
        catalog, root_key, region=SITE, storage_url=f"file://{tmp_path}", now=NOW, account_id=ACCOUNT
    )
    with running(api_app(catalog, root_key, aws_limits="extended", clock=clock)) as url:
        one = Installed(catalog, url, made)
        yield one
        one.close()
    catalog.close()
    clock.off *= 0


def keys_in(credentials: dict[str, Any]) -> tuple[str, str, str]:
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


def refusal(call: Callable[..., Any], **params: Any) -> str:
    """The code of the error that the call answers."""
    with pytest.raises(ClientError) as raised:
        call(**params)
    return str(raised.value.response["Error"]["Code"])
