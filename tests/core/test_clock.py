"""The name of the machine's time zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core import clock
from safehold.core.clock import local_zone_name


@pytest.mark.parametrize(
    ("named", "expected"),
    [("Europe/Berlin", "Europe/Berlin"), (":Asia/Tokyo", "Asia/Tokyo"), ("nonsense", "Etc/UTC")],
)
def test_the_environment_names_the_zone(named: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", named)
    assert local_zone_name() == expected


def test_else_the_machine_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(clock, "LOCALTIME", tmp_path / "localtime")
    assert local_zone_name() == "Etc/UTC"
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/America/New_York")
    assert local_zone_name() == "America/New_York"
