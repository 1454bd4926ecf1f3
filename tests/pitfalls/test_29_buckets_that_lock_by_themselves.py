"""A bucket's default retention locked what the product had to delete, and it broke in ways nobody foresaw.

Here such a bucket is refused before anything is put there.
"""

from tests.store.backends.test_selftest import (
    test_a_bucket_that_locks_everything_by_itself_is_refused_before_anything_is_put,
    test_what_is_lacking_is_told_with_what_to_do,
)

__all__ = [
    "test_a_bucket_that_locks_everything_by_itself_is_refused_before_anything_is_put",
    "test_what_is_lacking_is_told_with_what_to_do",
]
