"""The API as an installation serves it: root key, catalog, key, client."""

import boto3
from botocore.config import Config
from sqlalchemy import insert

from safehold.api.assembly import api_app, api_config
from safehold.api.server import running
from safehold.core.clock import SystemClock
from safehold.core.secrets import RootKey
from safehold.domain.access_keys import AccessKey
from safehold.records.access_keys import box, insert_key
from safehold.records.engine import Catalog
from safehold.records.tables import account
from tests.api.conftest import ACCOUNT, NOW, ROOT

ROOT_KEY = RootKey(b"r" * 32)
KEY = AccessKey("AKIA1", ACCOUNT, ROOT.arn, ROOT.user_id, secret="s3cret", created_at=NOW)


def test_a_key_of_the_catalog_opens_the_api(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        tx.execute(insert(account).values(id=ACCOUNT, name="main", created_at=NOW))
        insert_key(tx, KEY, sealed_by=box(ROOT_KEY))
    app = api_app(catalog, ROOT_KEY, aws_limits="extended", clock=SystemClock())
    with running(app) as url:
        sts = boto3.client(
            "sts",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=KEY.id,
            aws_secret_access_key=KEY.secret,
            config=Config(retries={"max_attempts": 0}),
        )
        assert sts.get_caller_identity()["Arn"] == ROOT.arn
        sts.close()


def test_every_process_of_an_installation_signs_tokens_alike_and_another_differently() -> None:
    config = api_config(ROOT_KEY, aws_limits="strict")
    assert config == api_config(ROOT_KEY, aws_limits="strict")
    assert config.page_key != api_config(RootKey(b"s" * 32), aws_limits="strict").page_key
    assert "page_key" not in repr(config)
