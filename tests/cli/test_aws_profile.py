"""The aws profile stands beside whatever else is in the two files."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from safehold.cli import aws_profile
from safehold.cli.aws_profile import with_section
from tests.cli.conftest import Run

DATA = Path("/srv/safehold")
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
        name,
        endpoint="http://127.0.0.1:1",
        region="here-1",
        access_key_id="AK",
        secret_access_key="S=",
        data=DATA,
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
        "x", endpoint="http://127.0.0.1:1", region="r", access_key_id="AK", secret_access_key="S", data=DATA
    )
    assert (home / "credentials").stat().st_mode & 0o777 == 0o600
    assert (home / "config").stat().st_mode & 0o777 == 0o640
    assert (home / "config").read_text().startswith(BEFORE)
    assert sorted(path.name for path in home.iterdir()) == ["config", "credentials"]


def init_with_profile(run: Run, data: Path) -> dict[str, str]:
    made = run("init", "--data", data, "--profile", "safehold", "--json")
    assert made.code == 0
    assert {"access_key_id", "secret_access_key"} <= set(made.json)
    return {**made.json, "err": made.err}


@pytest.mark.parametrize("trouble", ["no folder", "not text", "no file"])
def test_the_key_is_told_when_the_profile_cannot_be_written(
    home: Path, tmp_path: Path, run: Run, trouble: str
) -> None:
    if trouble == "no folder":
        home.write_text("")
    else:
        home.mkdir()
        if trouble == "not text":
            (home / "credentials").write_bytes(b"# \xe9\n[other]\n")
        else:
            (home / "credentials").mkdir()
    made = init_with_profile(run, tmp_path / "data")
    assert "profile" not in made
    assert made["err"].startswith("warning: ")
    assert "aws configure" in made["err"]
    assert not (home / "config").exists()  # neither half of a profile


@pytest.mark.parametrize("file", ["config", "credentials"])
def test_a_profile_of_somebody_else_stays(home: Path, tmp_path: Path, run: Run, file: str) -> None:
    home.mkdir()
    text = {
        "config": "[profile safehold]\nregion = eu-west-1\n",
        "credentials": "[safehold]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s\n",
    }[file]
    (home / file).write_text(text)
    made = init_with_profile(run, tmp_path / "data")
    assert "profile" not in made
    assert "the profile safehold is there already" in made["err"]
    assert (home / file).read_text() == text
    assert [path.name for path in home.iterdir()] == [file]


def test_a_profile_is_replaced_for_the_same_data_folder_only(home: Path, tmp_path: Path, run: Run) -> None:
    def keys() -> str:
        return (home / "credentials").read_text()

    first = init_with_profile(run, tmp_path / "data")
    assert (first["profile"], first["err"]) == ("safehold", "")
    assert first["access_key_id"] in keys()
    other = init_with_profile(run, tmp_path / "other")
    assert str(tmp_path / "data") in other["err"]  # whose it is
    assert first["access_key_id"] in keys()
    (tmp_path / "data").rename(tmp_path / "gone")
    again = init_with_profile(run, tmp_path / "data")
    assert again["profile"] == "safehold"
    assert again["access_key_id"] in keys()
    assert first["access_key_id"] not in keys()
