"""Workers watch each other: each says that it lives, and hands on what a dead one held.

A node is dead when its lifeline is cut (on one machine: at once), or when its beat has not changed for a
lease as measured by the watcher's own clock, the watcher having looked all that time: no two machines'
clocks are ever compared, and after a sleep or an outage of the catalog everybody has a lease to speak up.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from safehold.core import log
from safehold.core.clock import Clock
from safehold.jobs import lifeline
from safehold.jobs.engine import JobEngine
from safehold.jobs.lifeline import Lifeline
from safehold.jobs.patience import Interrupted, patiently
from safehold.records import claims, nodes
from safehold.records.engine import Catalog
from safehold.records.nodes import Node

_log = log.get(__name__)


@dataclass(slots=True)
class Membership:
    """This worker among the others. `join` before the engine launches, `leave` after it closed.

    folder   of the lifelines, or None where nodes are spread over machines
    reaped   set when others took this node for dead: it must stop what it does and end
    """

    catalog: Catalog
    node: Node
    clock: Clock
    lease_seconds: float
    folder: Path | None
    reaped: threading.Event = field(default_factory=threading.Event)
    _beat_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _confirming: threading.Lock = field(default_factory=threading.Lock)
    _lifeline: Lifeline | None = None
    _silence: dict[str, tuple[int, float]] = field(default_factory=dict)  # node -> its beat, since when

    def join(self) -> None:
        """The node is listed, and lives."""
        if self.folder is not None:
            # ORDER: the lifeline first, since a listed node without one is dead to the others.
            self._lifeline = Lifeline(self.folder, self.node.id)
        began = self.clock.monotonic()
        with self.catalog.begin() as tx:
            nodes.insert_node(tx, self.node)
        self._beat_at = began

    def leave(self) -> None:
        """The node is gone, with nothing left behind. Only when nothing runs here any more."""
        with self.catalog.begin() as tx:
            claims.let_go_all(tx, self.node.id)
            nodes.delete_node(tx, self.node.id)
        if self._lifeline is not None:
            self._lifeline.close()

    def beat(self) -> None:
        """Say that this node lives; `reaped` is set when it is too late for that."""
        began = self.clock.monotonic()
        with self.catalog.begin() as tx:
            if not nodes.beat(tx, self.node.id, now=self.clock.now()):
                self.reaped.set()
        self._beat_at = began

    def confirm(self, stopping: threading.Event) -> None:
        """Return once it is sure that nobody has taken this node for dead; raises Interrupted when one has.

        Costs nothing while the last beat is fresh. A process that was frozen, or cut off from the catalog,
        waits here for a beat to succeed before it touches anything again.
        """
        with self._confirming:
            if self.clock.monotonic() - self._beat_at > self.lease_seconds / 2:
                patiently(self.beat, stopping=stopping)
        if self.reaped.is_set():
            raise Interrupted(f"{self.node.id} was taken for dead")

    def reap(self, engine: JobEngine) -> list[str]:
        """Hand on what dead nodes held; their ids. Any number of nodes may do this at once."""
        with self.catalog.read() as tx:
            others = [node for node in nodes.list_nodes(tx) if node.id != self.node.id]
        self._keep_silence_of(others)
        dead = [node for node in others if node.reaped_at is not None or self._declares_dead(node)]
        for node in dead:
            self._hand_on(node.id, engine)
        return [node.id for node in dead]

    def reap_strangers(self, engine: JobEngine) -> list[str]:
        """Hand on what is held by nodes that nobody lists: a last net, for a crash in the midst of it all."""
        # ORDER: who holds something first, who is listed after: a node is listed before it can hold anything.
        holding = engine.workers()
        with self.catalog.read() as tx:
            holding |= claims.workers_holding(tx)
        with self.catalog.read() as tx:
            strangers = holding - {node.id for node in nodes.list_nodes(tx)}
        for node_id in strangers:
            self._hand_on(node_id, engine)
        return sorted(strangers)

    def _declares_dead(self, node: Node) -> bool:
        if not (self._is_cut(node) or self._is_silent(node)):
            return False
        with self.catalog.begin() as tx:
            return nodes.declare_dead(tx, node, now=self.clock.now())

    def _is_cut(self, node: Node) -> bool:
        return self.folder is not None and lifeline.is_cut(self.folder, node.id)

    def _is_silent(self, node: Node) -> bool:
        now = self.clock.monotonic()
        beat, since = self._silence.get(node.id, (None, now))
        if beat != node.beat:
            self._silence[node.id] = (node.beat, now)
            return False
        return now - since > self.lease_seconds

    def _keep_silence_of(self, listed: list[Node]) -> None:
        """Silence counts only while we listen: after a gap in our own looks it is measured anew."""
        now = self.clock.monotonic()
        has_listened = now - self._looked_at <= self.lease_seconds / 2
        ids = {node.id for node in listed} if has_listened else set()
        self._silence = {node_id: seen for node_id, seen in self._silence.items() if node_id in ids}
        self._looked_at = now

    def _hand_on(self, node_id: str, engine: JobEngine) -> None:
        """Free what the node held, queue it again, then forget the node. Each of it may be done twice."""
        _log.warning("a worker is dead, its jobs go on elsewhere", extra={"node_id": node_id})
        with self.catalog.begin() as tx:
            claims.let_go_all(tx, node_id)
        # ORDER: free in the catalog before it is queued again; the next worker would find it held.
        engine.hand_over(node_id)
        with self.catalog.begin() as tx:
            nodes.delete_node(tx, node_id)
        if self.folder is not None:
            lifeline.remove(self.folder, node_id)
