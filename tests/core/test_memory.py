from __future__ import annotations

import subprocess
import sys

# Each time as much memory as a large frame is filled and let go of again.
REUSE = """
import resource, sys
from safehold.core.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
kept = [b"x" * (40 << 20) for _ in range(2)]
del kept
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    b"x" * (40 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", REUSE, how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_that_was_let_go_of_is_not_fetched_from_the_system_again() -> None:
    assert faults("kept") < 1000
    assert faults("given back") > 10_000
