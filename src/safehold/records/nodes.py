"""Processes of this installation as rows: who lives, who was taken for dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from safehold.records.tables import node as t
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class Node:
    """One process. `beat` grows while it lives; `reaped_at` is set once it was taken for dead."""

    id: str
    role: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    beat: int = 0
    reaped_at: datetime | None = None


def insert_node(tx: Tx, node: Node) -> None:
    tx.execute(
        insert(t).values(
            id=node.id,
            role=node.role,
            host=node.host,
            pid=node.pid,
            started_at=node.started_at,
            seen_at=node.seen_at,
            beat=node.beat,
        )
    )


def beat(tx: Tx, node_id: str, *, now: datetime) -> bool:
    """Say that the node lives; False when it was taken for dead and must stop what it does."""
    alive = update(t).where(t.c.id == node_id, t.c.reaped_at.is_(None))
    return tx.execute(alive.values(beat=t.c.beat + 1, seen_at=now)).rowcount == 1


def declare_dead(tx: Tx, node: Node, *, now: datetime) -> bool:
    """Take a node for dead unless it gave a sign since `node` was read. Of many callers one gets True."""
    silent = update(t).where(t.c.id == node.id, t.c.beat == node.beat, t.c.reaped_at.is_(None))
    return tx.execute(silent.values(reaped_at=now)).rowcount == 1


def delete_node(tx: Tx, node_id: str) -> None:
    tx.execute(delete(t).where(t.c.id == node_id))


def list_nodes(tx: Tx) -> list[Node]:
    """Every node, by id."""
    return [Node(**row._mapping) for row in tx.execute(select(t).order_by(t.c.id))]
