"""Modification times alone decided what had changed, and changed files were not backed up.

Here change time and inode count too, what was changed just before it was read is read again, where times say
nothing everything is read, and a share of the unchanged is read again at random.
"""

from tests.connectors.files.test_taking import (
    test_a_change_that_hides_behind_its_old_times_is_seen,
    test_a_file_replaced_by_another_of_the_same_times_is_seen,
    test_a_share_of_the_unchanged_files_is_read_again,
    test_on_a_file_system_whose_times_say_nothing_everything_is_read,
    test_what_changed_just_before_it_was_read_is_read_again,
)

__all__ = [
    "test_a_change_that_hides_behind_its_old_times_is_seen",
    "test_a_file_replaced_by_another_of_the_same_times_is_seen",
    "test_a_share_of_the_unchanged_files_is_read_again",
    "test_on_a_file_system_whose_times_say_nothing_everything_is_read",
    "test_what_changed_just_before_it_was_read_is_read_again",
]
