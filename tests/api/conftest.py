"""A catalog, a caller, a configuration, and a server on loopback for the API's tests."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config

from safehold.api import call as registry
from safehold.api.call import ApiConfig, Call, Principal
from safehold.api.server import running
from safehold.api.wire.app import App
from safehold.api.wire.authenticate import KeyRecord
from safehold.api.wire.gateway import Gateway
from safehold.core.clock import SystemClock
from safehold.records.engine import Catalog
from tests.api.job_world import World

ACCOUNT = "123456789012"
NOW = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
ROOT = Principal(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", user_id=ACCOUNT)
KEYS = {
    "AKIAROOT": KeyRecord("root/secret+=", ROOT),
    "ASIATEMPORARY": KeyRecord("temporary", ROOT, session_token="a+token/=", expires_at=NOW),
    "ASIAEXPIRED": KeyRecord("temporary", ROOT, session_token="t", expires_at=NOW - timedelta(days=20_000)),
}


def find_key(key_id: str, now: datetime) -> KeyRecord | None:
    return KEYS.get(key_id)


class MovableClock(SystemClock):
    """The machine's clock, off by as much as a test says."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        return super().now() + self.off


@pytest.fixture(scope="session")
def principal() -> Principal:
    return ROOT


@pytest.fixture(scope="session")
def config() -> ApiConfig:
    return ApiConfig(page_key=b"k" * 32)


@pytest.fixture
def call(sqlite_catalog: Catalog, config: ApiConfig, principal: Principal) -> Iterator[Call]:
    with sqlite_catalog.begin() as tx:
        yield Call(
            operation="ListBackupVaults",
            request_id="r-1",
            account_id=ACCOUNT,
            site="us-east-1",
            principal=principal,
            now=NOW,
            tx=tx,
            config=config,
        )


@pytest.fixture
def world(sqlite_catalog: Catalog) -> World:
    return World(sqlite_catalog)


@pytest.fixture
def world_on_both(catalog: Catalog) -> World:
    """For what the database decides."""
    return World(catalog)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> dict:
    """Handlers of this test alone, in place of the real ones."""
    own: dict = dict(registry.handlers())
    monkeypatch.setattr(registry, "_handlers", own)
    return own


@pytest.fixture(scope="session")
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def gateway(sqlite_catalog: Catalog, config: ApiConfig, clock: MovableClock) -> Iterator[Gateway]:
    yield Gateway(sqlite_catalog, config, find_key=find_key, clock=clock)
    clock.off = timedelta()


@pytest.fixture(scope="session")
def endpoint(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, config: ApiConfig, clock: MovableClock
) -> Iterator[str]:
    """A server that lives as long as the run; its handlers are whatever is registered at the moment."""
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("api") / "catalog.db")
    catalog = Catalog(f"sqlite:///{path}")
    with running(App(Gateway(catalog, config, find_key=find_key, clock=clock))) as url:
        yield url
    catalog.close()


@pytest.fixture
def client(endpoint: str, clock: MovableClock) -> Iterator[Callable[..., BaseClient]]:
    """Makes stock clients of the server, closed when the test ends."""
    made = []

    def make(service: str = "backup", key: str = "AKIAROOT", **options: str) -> BaseClient:
        record = KEYS.get(key, KEYS["AKIAROOT"])
        made.append(
            boto3.client(
                service,
                endpoint_url=endpoint,
                region_name=options.get("site", "eu-north-1"),
                aws_access_key_id=key,
                aws_secret_access_key=options.get("secret", record.secret),
                aws_session_token=options.get("token", record.session_token),
                config=Config(retries={"max_attempts": 0}),
            )
        )
        return made[-1]

    yield make
    clock.off = timedelta()
    for one in made:
        one.close()
