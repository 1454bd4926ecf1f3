"""What a vault may be called, and which key it may have."""

from __future__ import annotations

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns, vaults

ACCOUNT, SITE = "123456789012", "us-east-1"
DEFAULT = arns.default_key_arn(SITE, ACCOUNT)
KEY = f"arn:aws:kms:{SITE}:{ACCOUNT}:key/1"


@pytest.mark.parametrize("name", ["ab", "A-b_9", "x" * 50])
def test_names_that_a_vault_may_have(name: str) -> None:
    vaults.check_name(name)


@pytest.mark.parametrize("name", ["", "a", "x" * 51, "a b", "a/b", "ab\n", "äb"])
def test_names_that_a_vault_may_not_have(name: str) -> None:
    with pytest.raises(InvalidParameterValue):
        vaults.check_name(name)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(None, DEFAULT, id="none asked for: the site's own"),
        pytest.param(f"arn:aws:kms:{SITE}:{ACCOUNT}:alias/aws/backup", DEFAULT, id="AWS's name for that"),
        pytest.param(KEY, KEY, id="a key of the account"),
    ],
)
def test_the_key_of_a_vault(wanted: str | None, expected: str) -> None:
    assert vaults.key_arn_for(wanted, site=SITE, account_id=ACCOUNT) == expected


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param("nothing", id="no ARN"),
        pytest.param(f"arn:aws:kms:{SITE}:000000000000:key/1", id="of another account"),
        pytest.param(f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1", id="of another site"),
        pytest.param(f"arn:aws:s3:{SITE}:{ACCOUNT}:key/1", id="of another service"),
        pytest.param(f"arn:aws:kms:{SITE}:{ACCOUNT}:grant/1", id="no key"),
    ],
)
def test_keys_that_a_vault_may_not_have(wanted: str) -> None:
    with pytest.raises(InvalidParameterValue):
        vaults.key_arn_for(wanted, site=SITE, account_id=ACCOUNT)
