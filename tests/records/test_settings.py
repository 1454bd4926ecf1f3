"""Settings as rows: only what was switched off is off."""

from __future__ import annotations

from datetime import UTC, datetime

from safehold.records import settings
from safehold.records.engine import Catalog

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_type_is_opted_out_only_when_its_setting_says_so(catalog: Catalog) -> None:
    values = {f"{settings.OPT_IN}EFS": False, f"{settings.OPT_IN}EBS": True, "other": False}
    with catalog.begin() as tx:
        settings.put(tx, "1" * 12, "us-east-1", values, now=NOW)
        assert settings.opted_out(tx, "1" * 12, "us-east-1") == {"EFS"}
        assert settings.opted_out(tx, "1" * 12, "eu-west-1") == set()
