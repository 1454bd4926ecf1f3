"""A name in a backup led a restore out of its folder.

Here every step of a path is opened beneath the one before, links are never followed, and names that lead
away are refused and told.
"""

from tests.connectors.files.test_putting_back import (
    test_a_hard_link_cannot_reach_outside,
    test_a_link_in_place_of_a_file_is_replaced_not_followed,
    test_a_link_on_the_way_to_the_target_is_not_followed,
    test_a_link_restored_from_the_point_is_not_written_through,
    test_a_link_swapped_in_while_restoring_is_not_followed,
    test_a_name_that_leads_away_is_refused_and_told,
)

__all__ = [
    "test_a_hard_link_cannot_reach_outside",
    "test_a_link_in_place_of_a_file_is_replaced_not_followed",
    "test_a_link_on_the_way_to_the_target_is_not_followed",
    "test_a_link_restored_from_the_point_is_not_written_through",
    "test_a_link_swapped_in_while_restoring_is_not_followed",
    "test_a_name_that_leads_away_is_refused_and_told",
]
