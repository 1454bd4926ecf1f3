"""Hard links, attributes, access lists and holes were lost, and nobody was told.

Here a folder with one of everything comes back with no difference, and what cannot be kept is told.
"""

from tests.connectors.contract import backup, request, restore
from tests.connectors.files.conftest import FilesBench
from tests.connectors.files.test_putting_back import (
    test_a_hard_link_whose_file_is_not_restored_is_told_and_never_tied_to_another,
    test_an_attribute_that_the_target_refuses_is_told,
    test_any_tree_of_any_names_comes_back_as_it_was,
)
from tests.connectors.files.test_taking import (
    test_a_hard_link_group_is_kept_under_its_first_path,
    test_holes_are_not_read,
    test_kinds_are_told_apart,
)
from tests.connectors.files.test_trees import test_every_kind_of_difference_is_told
from tests.connectors.memory_point import put_back

__all__ = [
    "test_a_hard_link_group_is_kept_under_its_first_path",
    "test_a_hard_link_whose_file_is_not_restored_is_told_and_never_tied_to_another",
    "test_an_attribute_that_the_target_refuses_is_told",
    "test_any_tree_of_any_names_comes_back_as_it_was",
    "test_every_kind_of_difference_is_told",
    "test_holes_are_not_read",
    "test_kinds_are_told_apart",
]


def test_a_folder_with_one_of_everything_comes_back_with_no_difference(bench: FilesBench) -> None:
    point = backup(bench)
    with restore(bench, request(bench, bench.new_place())) as target:
        put_back(point, target)
    assert bench.skipped == []
    assert bench.differences(bench.new_place()) == []
