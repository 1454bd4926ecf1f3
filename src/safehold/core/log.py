"""Logs: to stderr, one line an event, as JSON or as plain text; secrets never stand in them.

A module takes `get(__name__)` and passes facts as `extra={...}`; names of facts that say "secret" are masked.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TextIO

MASK = "***"
_SECRET_NAME = re.compile(r"secret|password|passwd|token|credential|authorization|private_key|root_key", re.I)
_URL_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):[^@/\s]+@")
_ASSIGNED = re.compile(
    r"(?i)\b((?:secret|password|passwd|token|authorization)\w*\s*[=:]\s*)('[^']*'|\"[^\"]*\"|\S+)"
)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Form(StrEnum):
    PLAIN = "plain"
    JSON = "json"


def get(name: str) -> logging.Logger:
    """The logger of a module."""
    return logging.getLogger(name)


def configure(*, form: Form = Form.PLAIN, level: str = "INFO", stream: TextIO | None = None) -> None:
    """From now on every log line of this process goes to `stream` (stderr). `main` calls it once."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines() if form is Form.JSON else _PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)


def masked(text: str) -> str:
    """The text without the passwords of URLs and without what is assigned to a secret's name."""
    return _ASSIGNED.sub(rf"\g<1>{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
            **_facts(record),
        }
        if record.exc_info:
            line["trace"] = masked(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


class _PlainLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={value}" for name, value in _facts(record).items())
        line = f"{_time(record)} {record.levelname:7} {record.name}: {masked(record.getMessage())}{facts}"
        if record.exc_info:
            line += "\n" + masked(self.formatException(record.exc_info))
        return line


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"


def _facts(record: logging.LogRecord) -> Mapping[str, object]:
    extra = {name: value for name, value in vars(record).items() if name not in _OWN}
    return {
        name: MASK if _SECRET_NAME.search(name) else masked(value) if isinstance(value, str) else value
        for name, value in extra.items()
    }
