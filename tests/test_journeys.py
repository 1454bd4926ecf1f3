"""Every family of AWS Backup's API has journeys through the stock client; the table of them is true."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from botocore import xform_name

from safehold.api.model.load import service

ROOT = Path(__file__).resolve().parents[1]
PARITY = ROOT / "docs/parity"
WAITED_BY = "tests/fixtures/service.py"  # by which every journey starts its jobs and waits for their ends
ROW = re.compile(r"^\| ([^|]+) \| (\[[^|]+) \| (`[^|]+) \|(?: ([^|]+) \|)?$", re.MULTILINE)
FAMILIES, BESIDE = (
    [(name, re.findall(r"\((.+?\.md)\)", pages), re.findall(r"`(.+?)`", tests), operations.split())
     for name, pages, tests, operations in ROW.findall(half)]
    for half in (PARITY / "README.md").read_text().split("## Beside the families")
)  # fmt: skip


@cache
def text_of(journeys: tuple[str, ...]) -> str:
    return "\n".join((ROOT / journey).read_text() for journey in journeys)


def test_each_operation_of_the_model_belongs_to_one_of_the_21_families() -> None:
    listed = sorted(name for *_, operations in FAMILIES for name in operations)
    assert len(FAMILIES) == 21
    assert listed == sorted(service("backup").operations)


def test_a_familys_journeys_call_each_of_its_operations() -> None:
    uncalled = [
        (family, operation)
        for family, _, journeys, operations in FAMILIES
        for operation in operations
        if not re.search(rf"[.\"]{xform_name(operation)}\b", text_of((*journeys, WAITED_BY)))
    ]
    assert uncalled == [], "write the journey, or name it in docs/parity/README.md"


def test_journeys_of_families_start_the_service_and_the_stock_client() -> None:
    journeys = {journey for _, _, names, _ in FAMILIES for journey in names}
    assert {j for j in journeys if not j.startswith("tests/journeys/")} == set()
    assert {j for j in journeys if "from tests.fixtures.service import Service" not in text_of((j,))} == set()


def test_each_page_of_parity_stands_in_the_table_with_tests_that_there_are() -> None:
    rows = [*FAMILIES, *BESIDE]
    pages = {page for _, pages, _, _ in rows for page in pages}
    assert pages | {"README.md"} == {path.name for path in PARITY.glob("*.md")}
    assert {test for _, _, tests, _ in rows for test in tests if not (ROOT / test).exists()} == set()
