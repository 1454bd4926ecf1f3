"""Jobs that look into points: the house of the runners' tests."""

from __future__ import annotations

from tests.jobs.test_runners import house

__all__ = ["house"]
