"""Keys as tools for backups look at them, through the stock client."""

from __future__ import annotations

from tests.api.conftest import ACCOUNT
from tests.api.neighbours.conftest import SITE, Installed, refusal


def test_the_sites_own_key_has_the_alias_that_tools_look_for(installed: Installed) -> None:
    kms, backup = installed.client("kms"), installed.client("backup")
    (alias,) = kms.list_aliases()["Aliases"]
    assert alias["AliasName"] == "alias/aws/backup"
    own = backup.describe_backup_vault(BackupVaultName="Default")["EncryptionKeyArn"]
    for name in ("alias/aws/backup", alias["AliasArn"], alias["TargetKeyId"], own):
        key = kms.describe_key(KeyId=name)["KeyMetadata"]
        assert (key["Arn"], key["KeyManager"], key["KeyState"]) == (own, "AWS", "Enabled")
    made = backup.create_backup_vault(BackupVaultName="by-alias", EncryptionKeyArn=alias["AliasArn"])
    assert made["BackupVaultArn"]
    assert backup.describe_backup_vault(BackupVaultName="by-alias")["EncryptionKeyArn"] == own


def test_keys_that_vaults_name_are_listed(installed: Installed) -> None:
    kms, backup = installed.client("kms"), installed.client("backup")
    arn = f"arn:aws:kms:{SITE}:{ACCOUNT}:key/mine"
    backup.create_backup_vault(BackupVaultName="keyed", EncryptionKeyArn=arn)
    listed = [
        key["KeyArn"]
        for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1})
        for key in page["Keys"]
    ]
    assert len(listed) == 2
    assert arn in listed
    assert kms.describe_key(KeyId="mine")["KeyMetadata"]["KeyManager"] == "CUSTOMER"
    assert kms.list_aliases(KeyId="mine")["Aliases"] == []
    assert refusal(kms.describe_key, KeyId="nobody") == "NotFoundException"
    assert refusal(kms.describe_key, KeyId=arn.replace(SITE, "us-west-2")) == "NotFoundException"
    assert refusal(kms.list_aliases, KeyId="alias/nobody") == "NotFoundException"
    assert refusal(kms.describe_key, KeyId="arn:nonsense") == "InvalidArnException"
    assert refusal(kms.list_keys, Limit=5, Marker="made up") == "ValidationException"
    assert refusal(kms.encrypt, KeyId="mine", Plaintext=b"x") == "UnknownOperationException"
