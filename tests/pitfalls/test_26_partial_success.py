"""A backup that missed files, or a restore that lost some, was reported as a success.

Here whatever was left out stands in the job's message with counts, and a job that did nothing has failed.
"""

from tests.connectors.files.test_taking import (
    test_what_vanishes_or_turns_into_something_else_is_told,
)
from tests.jobs.test_runners import (
    test_a_damaged_pack_loses_only_what_was_in_it,
    test_a_restore_in_which_every_file_is_refused_fails_and_tells_no_bytes,
    test_a_source_that_is_gone_fails_the_job_and_leaves_no_point,
    test_an_attempt_that_takes_a_point_for_its_own_tells_what_the_point_lost,
)

__all__ = [
    "test_a_damaged_pack_loses_only_what_was_in_it",
    "test_a_restore_in_which_every_file_is_refused_fails_and_tells_no_bytes",
    "test_a_source_that_is_gone_fails_the_job_and_leaves_no_point",
    "test_an_attempt_that_takes_a_point_for_its_own_tells_what_the_point_lost",
    "test_what_vanishes_or_turns_into_something_else_is_told",
]
