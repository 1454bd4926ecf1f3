"""Temporary keys: whom they speak for, how long, and who gets them."""

from __future__ import annotations

from datetime import timedelta

from tests.api.conftest import ACCOUNT, MovableClock
from tests.api.neighbours.conftest import Installed, keys_in, refusal
from tests.api.neighbours.test_iam import trust

ROLE = f"arn:aws:iam::{ACCOUNT}:role/operator"
OF_ACCOUNT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def test_a_session_of_a_role_calls_the_api_until_it_expires(
    installed: Installed, clock: MovableClock
) -> None:
    iam, sts = installed.client("iam"), installed.client("sts")
    role = iam.create_role(RoleName="operator", AssumeRolePolicyDocument=trust(OF_ACCOUNT))["Role"]
    made = sts.assume_role(
        RoleArn=ROLE, RoleSessionName="ann@home", DurationSeconds=900, SourceIdentity="ann"
    )
    session_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/ann@home"
    assert made["AssumedRoleUser"] == {"Arn": session_arn, "AssumedRoleId": f"{role['RoleId']}:ann@home"}
    assert made["SourceIdentity"] == "ann"
    keys = keys_in(made["Credentials"])
    assert keys[0].startswith("ASIA")

    session = installed.client("sts", keys)
    who = session.get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (session_arn, f"{role['RoleId']}:ann@home")
    assert installed.client("backup", keys).list_backup_vaults()["BackupVaultList"]
    assert refusal(installed.client("iam", keys).get_user) == "ValidationError"
    assert refusal(session.get_session_token) == "AccessDenied"
    without = installed.client("backup", (keys[0], keys[1], None))
    assert refusal(without.list_backup_vaults) == "UnrecognizedClientException"
    wrong = installed.client("backup", (keys[0], keys[1], "guess"))
    assert refusal(wrong.list_backup_vaults) == "UnrecognizedClientException"

    clock.off = timedelta(seconds=901)
    assert refusal(session.get_caller_identity) == "ExpiredToken"
    assert refusal(installed.client("backup", keys).list_backup_vaults) == "ExpiredTokenException"


def test_a_session_ends_with_its_role(installed: Installed) -> None:
    iam, sts = installed.client("iam"), installed.client("sts")
    iam.create_role(RoleName="operator", AssumeRolePolicyDocument=trust(OF_ACCOUNT))
    keys = keys_in(sts.assume_role(RoleArn=ROLE, RoleSessionName="s1")["Credentials"])
    iam.delete_role(RoleName="operator")
    assert refusal(installed.client("sts", keys).get_caller_identity) == "InvalidClientTokenId"


def test_whom_the_trust_policy_does_not_name_gets_nothing(installed: Installed) -> None:
    iam, sts = installed.client("iam"), installed.client("sts")
    iam.create_role(RoleName="operator", AssumeRolePolicyDocument=trust({"AWS": "210987654321"}))
    assert refusal(sts.assume_role, RoleArn=ROLE, RoleSessionName="s1") == "AccessDenied"


def test_a_session_lasts_as_long_as_its_role_allows_and_a_chained_one_an_hour(installed: Installed) -> None:
    iam, sts = installed.client("iam"), installed.client("sts")
    long = {"AssumeRolePolicyDocument": trust(OF_ACCOUNT), "MaxSessionDuration": 7200}
    iam.create_role(RoleName="operator", **long)
    asked = {"RoleArn": ROLE, "RoleSessionName": "s1"}
    assert refusal(sts.assume_role, **asked, DurationSeconds=7201) == "ValidationError"
    keys = keys_in(sts.assume_role(**asked, DurationSeconds=7200)["Credentials"])
    chained = installed.client("sts", keys)
    assert refusal(chained.assume_role, **asked, DurationSeconds=7200) == "ValidationError"
    assert chained.assume_role(**asked, DurationSeconds=3600)["Credentials"]
    assert refusal(sts.assume_role, **asked, SerialNumber="arn:aws:iam::1:mfa/x") == "AccessDenied"
    assert refusal(sts.assume_role, RoleArn=ROLE + "x", RoleSessionName="s1") == "AccessDenied"


def test_a_session_token_speaks_for_the_user_who_asked(installed: Installed, clock: MovableClock) -> None:
    iam = installed.client("iam")
    iam.create_user(UserName="anna")
    key = iam.create_access_key(UserName="anna")["AccessKey"]
    own = installed.client("sts", (key["AccessKeyId"], key["SecretAccessKey"], None))
    made = own.get_session_token(DurationSeconds=1000)["Credentials"]
    who = installed.client("sts", keys_in(made)).get_caller_identity()
    assert who["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/anna"
    assert len(iam.list_access_keys(UserName="anna")["AccessKeyMetadata"]) == 1
    iam.delete_access_key(UserName="anna", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="anna")
    assert refusal(installed.client("sts", keys_in(made)).get_caller_identity) == "InvalidClientTokenId"
    roots = installed.client("sts").get_session_token(DurationSeconds=100_000)["Credentials"]
    assert (roots["Expiration"] - clock.now()) < timedelta(seconds=3601)
