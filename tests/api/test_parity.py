"""What works and what does not is told exactly, in the code and in the document."""

import re
from pathlib import Path

from safehold.api.call import handlers
from safehold.api.model.load import service
from safehold.api.not_built import NOT_BUILT

PAGE = Path(__file__).resolve().parents[2] / "docs/parity/operations.md"
BUILT = {name for service_name, name in handlers() if service_name == "backup"}


def test_every_operation_has_either_a_handler_or_a_reason() -> None:
    model = set(service("backup").operations)
    assert len(model) == 115
    assert BUILT | set(NOT_BUILT) == model
    assert BUILT & set(NOT_BUILT) == set(), "take what has a handler out of api/not_built.py"


def test_the_page_of_operations_says_the_same() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| [A-Z]+ `/[^`]*` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    expected = {name: f"not yet: {reason}" for name, reason in NOT_BUILT.items()}
    assert rows == expected | dict.fromkeys(BUILT, "works"), "run tools/write_parity.py"


def test_every_handler_answers_an_operation_of_its_model() -> None:
    assert {(s, n) for s, n in handlers() if n not in service(s).operations} == set()
