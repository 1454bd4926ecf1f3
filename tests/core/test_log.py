"""Logs say what happened, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from safehold.core import log
from safehold.core.log import Form


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def logged(form: Form, message: str, **extra: object) -> str:
    stream = io.StringIO()
    log.configure(form=form, stream=stream)
    log.get("safehold.test").warning(message, extra=extra)
    return stream.getvalue()


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize(
    ("message", "extra"),
    [
        pytest.param("connecting to postgresql://sam:hunter2@db/x", {}, id="password in a URL"),
        pytest.param("got secret_access_key='hunter2'", {}, id="assigned in the message"),
        pytest.param("Password: hunter2 was refused", {}, id="after a colon"),
        pytest.param("made a key", {"secret_access_key": "hunter2"}, id="a fact by that name"),
        pytest.param("made a key", {"session_token": "hunter2"}, id="a token"),
        pytest.param("failed", {"error": "no route to s3://key:hunter2@host"}, id="inside a fact"),
    ],
)
def test_secrets_are_masked(form: Form, message: str, extra: dict[str, object]) -> None:
    line = logged(form, message, **extra)
    assert "hunter2" not in line
    assert log.MASK in line


def test_a_json_line_holds_message_and_facts() -> None:
    line = json.loads(logged(Form.JSON, "job failed", job_id="j1", size_bytes=3))
    assert (line["level"], line["logger"], line["message"]) == ("warning", "safehold.test", "job failed")
    assert (line["job_id"], line["size_bytes"]) == ("j1", 3)


@pytest.mark.parametrize("form", list(Form))
def test_a_trace_is_kept_and_masked(form: Form) -> None:
    stream = io.StringIO()
    log.configure(form=form, stream=stream)
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        log.get("safehold.test").exception("it broke")
    assert "test_a_trace_is_kept_and_masked" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_plain_text_is_one_line_with_its_facts() -> None:
    line = logged(Form.PLAIN, "job ended", job_id="j1")
    assert line.count("\n") == 1
    assert line.rstrip().endswith("safehold.test: job ended job_id=j1")
