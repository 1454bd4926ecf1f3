"""One failed or wrong read marked good data as corrupt.

Here there are three verdicts, and only what was read wrongly three times is called damaged.
"""

from tests.store.restoring.test_verdicts import (
    backend,
    test_a_pack_that_gives_no_answer_is_unreadable_and_nothing_is_called_damaged,
    test_a_pack_that_reads_wrongly_three_times_is_damaged,
    test_a_pack_that_reads_wrongly_twice_is_well,
    test_an_answer_that_differs_each_time_never_condemns,
)

__all__ = [
    "backend",
    "test_a_pack_that_gives_no_answer_is_unreadable_and_nothing_is_called_damaged",
    "test_a_pack_that_reads_wrongly_three_times_is_damaged",
    "test_a_pack_that_reads_wrongly_twice_is_well",
    "test_an_answer_that_differs_each_time_never_condemns",
]
