"""A token answers a repeated request as the first one was answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.records import idempotency
from safehold.records.engine import Catalog

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = idempotency.Key("1" * 12, "us-east-1", "StartBackupJob", "token")
DIGEST = idempotency.digest({"a": 1, "b": [2]})


def test_the_first_answer_is_found_again(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        assert idempotency.find(tx, KEY, request_digest=DIGEST) is None
        assert idempotency.store(tx, KEY, request_digest=DIGEST, response={"id": "1"}, now=NOW) is None
        same = idempotency.digest({"b": [2], "a": 1})
        assert idempotency.find(tx, KEY, request_digest=same) == {"id": "1"}


def test_a_token_with_other_parameters_is_refused(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        idempotency.store(tx, KEY, request_digest=DIGEST, response={}, now=NOW)
        with pytest.raises(InvalidParameterValue):
            idempotency.find(tx, KEY, request_digest=idempotency.digest({"a": 2}))


def test_who_comes_second_learns_what_the_first_answered(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        idempotency.store(tx, KEY, request_digest=DIGEST, response={"id": "1"}, now=NOW)
        second = idempotency.store(tx, KEY, request_digest=DIGEST, response={"id": "2"}, now=NOW)
        assert second == {"id": "1"}


def test_old_tokens_are_forgotten(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        idempotency.store(tx, KEY, request_digest=DIGEST, response={}, now=NOW)
        assert idempotency.forget_before(tx, NOW) == 0
        assert idempotency.forget_before(tx, NOW + timedelta(seconds=1)) == 1
        assert idempotency.find(tx, KEY, request_digest=DIGEST) is None
