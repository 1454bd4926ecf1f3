"""Fixtures of other rooms' tests, for pitfalls that lie in those rooms."""

from __future__ import annotations

from tests.cli.conftest import data, run, template, tree
from tests.connectors.files.conftest import bench, empty_bench
from tests.jobs.test_runners import house
from tests.store.conftest import no_pauses

__all__ = ["bench", "data", "empty_bench", "house", "no_pauses", "run", "template", "tree"]
