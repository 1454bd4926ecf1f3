"""The aws profile stands beside whatever else is in the two files."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from safehold.cli import aws_profile
from safehold.cli.aws_profile import with_section

BEFORE = """# mine
[default]
region = eu-west-1

[profile safehold]
region = old
s3 =
  addressing_style = path

# the other one
[profile other]
region = us-west-2
"""


def test_a_new_section_goes_to_the_end() -> None:
    assert with_section("", "a", {"k": "v"}) == "[a]\nk = v\n"
    assert with_section("[b]\nx = 1\n", "a", {"k": "v"}) == "[b]\nx = 1\n\n[a]\nk = v\n"
    assert with_section("[b]\nx = 1", "a", {"k": "v"}) == "[b]\nx = 1\n\n[a]\nk = v\n"


def test_an_old_section_is_replaced_where_it_stands() -> None:
    after = with_section(BEFORE, "profile safehold", {"region": "new"})
    assert "region = new" in after
    assert "addressing_style" not in after
    assert after.startswith("# mine\n[default]\nregion = eu-west-1\n\n[profile safehold]\n")
    assert after.endswith("[profile other]\nregion = us-west-2\n")
    assert with_section(after, "profile safehold", {"region": "new"}) == after


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws/config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws/credentials"))
    return tmp_path / "aws"


@pytest.mark.parametrize("name", ["safehold", "default"])
def test_the_stock_client_understands_the_profile(home: Path, name: str) -> None:
    aws_profile.write(
        name, endpoint="http://127.0.0.1:1", region="here-1", access_key_id="AK", secret_access_key="S="
    )
    session = boto3.Session(profile_name=name)
    client = session.client("backup")
    keys = session.get_credentials()
    assert keys is not None
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:1", "here-1")
    assert (keys.access_key, keys.secret_key) == ("AK", "S=")
    client.close()


def test_secrets_are_their_owners_alone_and_a_files_mode_stays(home: Path) -> None:
    home.mkdir()
    (home / "config").write_text(BEFORE)
    (home / "config").chmod(0o640)
    aws_profile.write(
        "x", endpoint="http://127.0.0.1:1", region="r", access_key_id="AK", secret_access_key="S"
    )
    assert (home / "credentials").stat().st_mode & 0o777 == 0o600
    assert (home / "config").stat().st_mode & 0o777 == 0o640
    assert (home / "config").read_text().startswith(BEFORE)
    assert sorted(path.name for path in home.iterdir()) == ["config", "credentials"]
