"""A compression library gave wrong bytes, and they were stored.

Here each frame is opened and compared with the plaintext before anything is stored, in either way of sealing.
"""

from tests.store.sealed.test_frames_and_objects import (
    test_a_compressor_that_lies_is_found_out_before_anything_is_stored as test_the_plain_way_finds_it_out,
)
from tests.store.sealed.test_kernel import (
    test_a_compressor_that_lies_is_found_out_before_anything_is_stored as test_the_compiled_way_finds_it_out,
)

__all__ = ["test_the_compiled_way_finds_it_out", "test_the_plain_way_finds_it_out"]
