"""URLs of PostgreSQL are understood however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core.config import DataFolder, Settings
from safehold.core.errors import ConfigError

FOLDER = DataFolder(Path("/srv/safehold"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_url_may_be_written_in_three_ways(scheme: str) -> None:
    rest = "://me:postgres%3A%2F%2F@127.0.0.1/db?host=postgres://"
    settings = Settings(catalog_url=scheme + rest, jobs_url=scheme + rest)
    assert FOLDER.catalog_url(settings) == "postgresql+psycopg" + rest
    assert FOLDER.jobs_url(settings) == "postgresql" + rest


def test_without_urls_the_databases_are_files_in_the_folder() -> None:
    assert FOLDER.catalog_url(Settings()) == "sqlite:////srv/safehold/catalog.db"
    assert FOLDER.jobs_url(Settings()) == "sqlite:////srv/safehold/jobs.db"


def test_quotas_are_a_table_and_are_written_as_they_are_read(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.write_settings(Settings(quotas={"vaults": 5, "plans": 0}))
    assert folder.settings().quotas == {"vaults": 5, "plans": 0}
    folder.write_settings(Settings())
    assert folder.settings().quotas == {}
    folder.settings_file.write_text("quotas = 5\n")
    with pytest.raises(ConfigError, match="table"):
        folder.settings()
