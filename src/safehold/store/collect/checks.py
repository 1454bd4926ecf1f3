"""When collection refuses to run: a clock, a listing or the share that would go is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable

from safehold.core.errors import CollectionRefused
from safehold.store.collect.journal import Journal
from safehold.store.collect.roots import Roots
from safehold.store.collect.settings import MICROS, CollectionSettings
from safehold.store.collect.survey import Survey
from safehold.store.points.points import UNDELETION, is_deleted
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intent_folder import IntentFolder
from safehold.store.writers.tombstones import Tombstones

TOLD = 5  # names in a message
ASKED_RUNS = 8
_SET_CLOCKS = (
    "Set the clocks of all machines by NTP; where one ran ahead, nothing goes until what it wrote is past."
)


def check_clocks(
    stones: Tombstones, intents: IntentFolder, journal: Journal, now: int, settings: CollectionSettings
) -> None:
    """Nobody may have written anything later than it is here: then his clock or ours is wrong.

    Times that somebody wrote down are compared, never an object's time of change: storage sets those anew.
    """
    latest = now + int(settings.skew_seconds * MICROS)
    times = [("a tombstone", stones.announced(number).written_at) for number in stones.listed().open]
    times += [(f"the writer {intent.writer}", intent.written_at) for intent in intents.live()]
    times += [("the last run", run.seen.written_at) for run in journal.runs(newest=1)]
    for who, written_at in times:
        if written_at > latest:
            ahead = (written_at - now) // MICROS
            refused = CollectionRefused(f"clocks disagree: {who} wrote {ahead} s later than it is here")
            refused.hint = _SET_CLOCKS
            raise refused


def check_points(store: VaultStore, journal: Journal, roots: Roots) -> None:
    """Every record that the last run saw is there, unless collection took it: listings may lie.

    RACE: another run beside the last one may have taken it, so those before are asked as well; but not what
    came back since.
    """
    runs = list(journal.runs(newest=ASKED_RUNS))
    taken = {point_id for run in runs for point_id in run.taken_points()}
    away = set(runs[0].seen.points) - roots.points.keys() if runs else set()
    lost = {point_id for point_id in away if point_id not in taken or _is_back(store, point_id)}
    if lost:
        raise CollectionRefused(f"points are not listed any more that were: {_some(lost)}")


def _is_back(store: VaultStore, point_id: str) -> bool:
    """Was it undeleted, by amendments that collection would have taken with it?"""
    told = store.amendments(point_id)
    return any(amendment.kind == UNDELETION for amendment in told) and not is_deleted(told)


def check_share(
    found: Survey, going: Iterable[str], settings: CollectionSettings, *, is_confirmed: bool
) -> None:
    """Not more may go at once than usual, unless somebody has said so."""
    part = sum(found.at_stake(name) for name in going)
    whole = sum(found.sizes.values())
    if not is_confirmed and whole and 100.0 * part / whole > settings.most_dead_percent:
        share = round(100.0 * part / whole)
        error = CollectionRefused(f"{share} % of the vault would go, more than usual; nothing was done")
        error.hint = "If so much was deleted, run `safehold store collect --confirm`."
        raise error


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - TOLD} more" if len(ordered) > TOLD else ""
    return ", ".join(ordered[:TOLD]) + more
