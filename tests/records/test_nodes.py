"""A node lives while it beats; of many who take it for dead, one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from safehold.records import nodes
from safehold.records.engine import Catalog
from safehold.records.nodes import Node

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NODE = Node("n1", "worker", "host", 7, NOW, NOW)


def test_a_node_comes_back_as_it_was_stored(any_catalog: Catalog) -> None:
    with any_catalog.begin() as tx:
        nodes.insert_node(tx, NODE)
        assert nodes.list_nodes(tx) == [NODE]
        nodes.delete_node(tx, "n1")
        assert nodes.list_nodes(tx) == []


def test_a_node_that_beat_in_the_meantime_is_not_declared_dead(any_catalog: Catalog) -> None:
    with any_catalog.begin() as tx:
        nodes.insert_node(tx, NODE)
        assert nodes.beat(tx, "n1", now=NOW + timedelta(seconds=1))
        assert not nodes.declare_dead(tx, NODE, now=NOW)
        assert nodes.beat(tx, "n1", now=NOW)


def test_a_node_is_declared_dead_once_and_can_beat_no_more(any_catalog: Catalog) -> None:
    with any_catalog.begin() as tx:
        nodes.insert_node(tx, NODE)
        assert nodes.declare_dead(tx, NODE, now=NOW)
        assert not nodes.declare_dead(tx, NODE, now=NOW)
        assert not nodes.beat(tx, "n1", now=NOW)
        assert nodes.list_nodes(tx)[0].reaped_at == NOW
