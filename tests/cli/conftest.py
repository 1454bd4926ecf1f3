"""Commands run in this process, as `safehold` would, on an installation of the test's own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from safehold.cli.main import main
from safehold.cli.making import make
from safehold.core.config import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("source", "list")`: the command's answer."""

    def answer(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["safehold", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, said.out, said.err)

    return answer


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation, made once: making one takes longer than copying it."""
    data = tmp_path_factory.mktemp("template") / "data"
    make(data, Settings())
    return data


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path) -> Path:
    """A data folder with an installation; commands use it without being told."""
    monkeypatch.setenv("SAFEHOLD_DATA", str(tmp_path / "data"))
    shutil.copytree(template, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder worth backing up."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    return folder
