"""Vaults' keys move to a real key service and back, by the commands that a person has."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from safehold.cli.installation import opened
from safehold.cli.working import vault_access
from safehold.core.config import DataFolder
from safehold.records import vaults
from tests.cli.conftest import Run
from tests.fixtures.key_services import PIN, Server, SoftHsm, bao, free_port
from tests.store.vaults import back_up, restore

TREE = {b"file": b"what must not be lost"}


def back_up_into(data: Path, point: str) -> None:
    with opened(data) as installation:
        with installation.catalog.read() as tx:
            (vault,) = vaults.every(tx)
        back_up(vault_access(installation).for_writing(vault), point, TREE)


def restores(data: Path, point: str) -> bool:
    with opened(data) as installation:
        with installation.catalog.read() as tx:
            (vault,) = vaults.every(tx)
        return restore(vault_access(installation).for_reading(vault), point) == TREE


def goes_there_and_back(data: Path, run: Run, keys_url: str, described: str) -> None:
    back_up_into(data, "before")
    moved = run("keys", "rewrap", "--to", keys_url)
    assert (moved.code, described in moved.out) == (0, True), moved.err
    assert DataFolder(data).settings().keys_url == keys_url
    (first,) = data.glob("vaults/*/keys/0")
    first.rename(data / "the old wrapping")  # the service alone opens it now
    back_up_into(data, "there")
    assert run("keys", "reepoch").code == 0
    back_up_into(data, "of the new epoch")
    assert run("keys", "rotate-root").code == 0  # which is not what wraps the vaults' keys
    assert run("keys", "rewrap", "--to", "file:").code == 0
    for point in ("before", "there", "of the new epoch"):
        assert restores(data, point)


def test_keys_move_to_a_token_and_back(
    data: Path, run: Run, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFEHOLD_PKCS11_PIN", PIN)
    goes_there_and_back(data, run, softhsm.url(), "PKCS#11 key wrapping on token tests")


@pytest.mark.real
def test_keys_move_to_aws_kms_and_back(
    data: Path, run: Run, ministack: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    kms = boto3.client("kms", endpoint_url=ministack.address, region_name="us-east-1")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    goes_there_and_back(data, run, f"aws-kms:{key}?region=us-east-1&endpoint={ministack.address}", key)


@pytest.mark.real
def test_keys_move_to_openbao_and_back(
    data: Path, run: Run, openbao: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFEHOLD_TRANSIT_TOKEN", "root")
    bao(openbao, "POST", "transit/keys/of-the-cli", {})
    goes_there_and_back(data, run, f"transit:{openbao.address}/transit/of-the-cli", "transit key of-the-cli")


def test_a_service_that_is_away_is_told_with_what_to_do_and_loses_nothing(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFEHOLD_TRANSIT_TOKEN", "7113-token")
    back_up_into(data, "point")
    refused = run("keys", "rewrap", "--to", f"transit:http://127.0.0.1:{free_port()}/transit/key")
    assert refused.code == 1
    assert "does not answer: " in refused.err
    assert "then try again" in refused.err
    assert "7113" not in refused.err
    assert restores(data, "point")
