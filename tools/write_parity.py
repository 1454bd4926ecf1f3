"""Write `docs/parity/operations.md` from the model, the handlers and the list of what has none."""

from __future__ import annotations

from pathlib import Path

from safehold.api.call import handlers
from safehold.api.model.load import service
from safehold.api.model.shapes import Operation
from safehold.api.not_built import NOT_BUILT

TARGET = Path(__file__).resolve().parents[1] / "docs/parity/operations.md"
HEAD = """# Operations of AWS Backup

Every operation of the published model (2018-11-15), and whether it works here. One that does not answers
`NotImplementedException`, HTTP 501, with the reason given here. `tools/write_parity.py` writes this page;
a test compares it with the code.

{done} of {total} work.

| operation | method and path | state |
|---|---|---|
"""


def row(operation: Operation) -> str:
    query = "?" + "&".join(operation.query) if operation.query else ""
    state = "works" if ("backup", operation.name) in handlers() else f"not yet: {NOT_BUILT[operation.name]}"
    return f"| {operation.name} | {operation.method} `/{'/'.join(operation.path)}{query}` | {state} |\n"


def page() -> str:
    operations = service("backup").operations
    done = sum(("backup", name) in handlers() for name in operations)
    return HEAD.format(done=done, total=len(operations)) + "".join(map(row, operations.values()))


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
