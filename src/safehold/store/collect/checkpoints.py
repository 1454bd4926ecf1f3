"""Which checkpoints are roots: those with which an unfinished backup may still go on.

A checkpoint is kept while its writer's intent is live, and then for as long as a writer may be silent: a
backup that was cut off comes back when its worker or its machine does. One kept too few loses no data, for
who goes on with it reads again what is not there; it costs the reading.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.collect.journal import Journal
from safehold.store.collect.roots import Roots
from safehold.store.collect.settings import MICROS, CollectionSettings
from safehold.store.points.checkpoints import Checkpoint, CheckpointFolder

LISTINGS = 20  # of checkpoints that come and go while they are read


@dataclass(frozen=True, slots=True)
class Saved:
    """kept: those that are roots; left: without a live writer, and since when a run saw them so; over: those
    that are to go, and why."""

    kept: list[Checkpoint] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)


def read_checkpoints(
    folder: CheckpointFolder, roots: Roots, journal: Journal, now: int, settings: CollectionSettings
) -> Saved:
    """All checkpoints of the vault, told apart. Raises StoreUnavailable, Damaged (the journal)."""
    seen_before = next((run.seen.checkpoints for run in journal.runs(newest=1)), {})
    silence = int(settings.silence_seconds * MICROS)
    live = {intent.intent_id for intent in roots.intents}
    done = roots.points.keys() - roots.void
    saved = Saved()
    for name, checkpoint in _read(folder).items():
        since = seen_before.get(name)
        if checkpoint is not None and checkpoint.point_id in done:
            saved.over[name] = "its backup is done"
        elif checkpoint is not None and checkpoint.intent_id in live:
            saved.kept.append(checkpoint)
        elif since is not None and since + silence <= now:
            saved.over[name] = "nobody went on with its backup"
        else:
            saved.left[name] = now if since is None else since
            saved.kept.extend([checkpoint] if checkpoint is not None else [])
    return saved


def _read(folder: CheckpointFolder) -> dict[str, Checkpoint | None]:
    """All that are there, by name; None is one that cannot be read."""
    found: dict[str, Checkpoint | None] = {}
    for _ in range(LISTINGS):
        names = set(folder.names())
        fresh = names - found.keys()
        found = {name: found[name] for name in names & found.keys()}
        for name in fresh:
            # RACE: when one is gone since it was listed, its successor was there before: listed again.
            with suppress(ObjectMissing):
                found[name] = _read_one(folder, name)
        if names == found.keys():
            break
    return found


def _read_one(folder: CheckpointFolder, name: str) -> Checkpoint | None:
    try:
        return folder.get(name)
    except (Damaged, KeyMismatch):
        return None
