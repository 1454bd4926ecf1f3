"""How many resources a page measured in tags holds."""

import pytest

from safehold.domain.tagging import fitting_tags


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [
        pytest.param([1, 2, 3], None, 3, id="a page is not measured in tags"),
        pytest.param([40, 40, 20, 1], 100, 3, id="as many as fit"),
        pytest.param([40, 40, 40], 100, 2, id="a resource is never torn apart"),
        pytest.param([0, 0, 0], 100, 3, id="a resource without tags takes no room"),
        pytest.param([101, 1], 100, 1, id="one at least"),
        pytest.param([], 100, 0, id="none of none"),
    ],
)
def test_pages_measured_in_tags(counts: list[int], most: int | None, expected: int) -> None:
    assert fitting_tags(counts, most=most) == expected
