"""A catalog, a caller and a configuration for the API's tests."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safehold.api.call import ApiConfig, Call, Principal
from safehold.records.engine import Catalog
from safehold.records.tables import metadata

ACCOUNT = "123456789012"
NOW = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.db'}")
    metadata.create_all(catalog.engine)
    yield catalog
    catalog.close()


@pytest.fixture(scope="session")
def principal() -> Principal:
    return Principal(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", user_id=ACCOUNT)


@pytest.fixture(scope="session")
def config() -> ApiConfig:
    return ApiConfig(page_key=b"k" * 32)


@pytest.fixture
def call(catalog: Catalog, config: ApiConfig, principal: Principal) -> Iterator[Call]:
    with catalog.begin() as tx:
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
