"""One service for all journeys of a process, a small tree to protect, and one that is protected already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fixtures.service import Service, serving


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service on its embedded databases. Journeys share it: each names its own things."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


@dataclass(frozen=True)
class Protected:
    """A folder that was backed up once, into a vault of its own, and restored once."""

    vault: str
    arn: str
    backup: Any
    restore: Any

    @property
    def point(self) -> str:
        return str(self.backup["RecoveryPointArn"])

    @property
    def where(self) -> dict[str, str]:
        """What names the recovery point."""
        return {"BackupVaultName": self.vault, "RecoveryPointArn": self.point}


@pytest.fixture(scope="session")
def protected(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Protected:
    """For journeys that look at a point and leave it as it is."""
    folder = tmp_path_factory.mktemp("protected")
    (folder / "letter.txt").write_text("kept")
    arn = service.add_source("protected", folder, "--tag", "team=letters")
    service.client().create_backup_vault(BackupVaultName="protected")
    backup = service.back_up(arn, "protected")
    assert backup["State"] == "COMPLETED", backup
    restore = service.restore(backup["RecoveryPointArn"], CreationToken="protected")
    assert restore["Status"] == "COMPLETED", restore
    assert (service.writable / "protected/letter.txt").read_text() == "kept"
    return Protected("protected", arn, backup, restore)


def refused(call: Any, **members: Any) -> str:
    """What is said when it is refused, after the name of the error."""
    with pytest.raises(ClientError) as told:
        call(**members)
    error = told.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files of every size, folders, links, and a name that is not text."""
    root = tmp_path / "tree"
    (root / "letters" / "old").mkdir(parents=True)
    for number in range(20):
        (root / "letters" / f"{number}.txt").write_text(f"letter {number}\n" * number)
    (root / "photo.raw").write_bytes(os.urandom(3 << 20))
    (root / "latest").symlink_to("letters/19.txt")
    os.link(root / "photo.raw", root / "letters" / "photo.raw")
    with open(os.fsencode(root) + b"/caf\xe9", "wb") as file:
        file.write(b"not UTF-8")
    (root / "letters" / "1.txt").chmod(0o600)
    os.utime(root / "letters" / "1.txt", ns=(1, 1_234_567_890_123_456_789))
    return root
