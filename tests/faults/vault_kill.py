"""Kill whoever is at work on a vault, again and again, and see that nothing is lost.

All works of vault_actors.py run at once on one vault; each process is killed by SIGKILL at a moment of its
own. Then, with nobody at work, every point that somebody was told of is restored and compared.

By hand: `python -m tests.faults.vault_kill --kills 10000` (with the checkout and its `src` on PYTHONPATH).
Processes are forked from this one, which has all modules loaded and no thread: so a kill costs 0.1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import IO

from tests.faults.vault_actors import RESULTS, WORKS, Desk, Work, make_small, place_of_copies
from tests.faults.vault_judge import Told, judge, wind_up
from tests.faults.vault_places import COUNTED, Place

LONGEST_SECONDS = (0.03, 0.1, 0.1, 0.3)  # between two kills of a round
THOROUGH_EVERY = 5  # rounds between two checks of every byte of the vault
TOLD_BYTES = 3000  # of what a process says that fails


@dataclass(slots=True)
class Findings:
    """What a trial saw. `broken` must be empty."""

    wanted_kills: int
    seed: int
    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)  # by what the process was doing
    done: Counter[str] = field(default_factory=Counter)  # works that came to their end, and what they came to
    refusals: Counter[str] = field(default_factory=Counter)  # of collection, by why
    points: int = 0  # kept in the end
    untold: int = 0  # points that stood although their writer died before it could say so
    deleted: int = 0
    restores_compared: int = 0
    cold_compared: int = 0  # of these, those of points that were moved to cold storage
    stored_bytes: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps({each.name: getattr(self, each.name) for each in fields(self)})


class Child:
    """A forked process that says things, a line each. Leaves when it is done, or is killed."""

    def __init__(self, act: Callable[[], Iterable[Iterable[str]]]) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._live(act, os.fdopen(writing, "w"))
        os.close(writing)
        self._said = os.fdopen(reading)

    def _live(self, act: Callable[[], Iterable[Iterable[str]]], out: IO[str]) -> None:
        try:
            for words in act():
                out.write("\t".join(word.replace("\n", " ") for word in words) + "\n")
                out.flush()
        except BaseException:  # told to the trial
            out.write("WRONG\t" + repr(traceback.format_exc()[-TOLD_BYTES:]) + "\n")
            out.flush()
        os._exit(0)

    def first_line(self) -> list[str]:
        """What it says first; waits for it."""
        return self._said.readline().rstrip("\n").split("\t")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def rest(self) -> tuple[list[list[str]], bool]:
        """All further lines, and whether it was killed. Waits until it has ended."""
        lines = [line.rstrip("\n").split("\t") for line in self._said]
        self._said.close()
        _, status = os.waitpid(self.pid, 0)
        return lines, os.WIFSIGNALED(status)


class Trial:
    """One vault, all works on it, and the kills. Leaves no process behind. This one has no threads."""

    def __init__(self, folder: Path, *, seed: int, kills: int) -> None:
        make_small()
        self._place = Place(folder)
        self._random = random.Random(seed)
        self._told = Told()
        self.found = Findings(kills, seed)
        self._ask(lambda: self._place.make() or place_of_copies(self._place).make() or [])

    def run(self) -> Findings:
        found, started = self.found, time.monotonic()
        while found.kills.total() < found.wanted_kills and not found.broken:
            self._one_round()
            self._check(is_thorough=found.rounds % THOROUGH_EVERY == 0)
            found.rounds += 1
        if not found.broken:  # else it stays as it was found
            self._note("in the end", partial(wind_up, self._place, self._told))
            self._count_compared()
        found.points, found.deleted = len(self._told.kept()), len(self._told.deleted)
        places = (self._place, place_of_copies(self._place))
        found.stored_bytes = sum(info.size_bytes for place in places for info in place.both.list(""))
        found.seconds = round(time.monotonic() - started, 1)
        return found

    def _check(self, *, is_thorough: bool) -> None:
        check = partial(judge, self._place, self._told, is_thorough=is_thorough)
        self._note(f"round {self.found.rounds}", check)
        self._count_compared()

    def _count_compared(self) -> None:
        kept = self._told.kept()
        self.found.restores_compared += len(kept)
        self.found.cold_compared += len(self._told.moved.intersection(kept))

    def _one_round(self) -> None:
        seeds = [self._random.randbytes(8) for _ in WORKS]
        children = [
            Child(partial(_again_and_again, self._place, *each))
            for each in zip(WORKS.values(), seeds, strict=True)
        ]
        waiting = list(children)
        self._random.shuffle(waiting)
        try:
            said = {child.pid: [child.first_line()] for child in children}
            longest = self._random.choice(LONGEST_SECONDS)
            for child in waiting:
                time.sleep(self._random.uniform(0.0, longest))
                child.kill()
        finally:
            for child in children:
                child.kill()
        for child in children:
            lines, was_killed = child.rest()
            self._listen(said[child.pid] + lines, was_killed=was_killed)

    def _listen(self, said: list[list[str]], *, was_killed: bool) -> None:
        found, told = self.found, self._told
        told.committed |= {words[1] for words in said if words[0] == "committed"}
        stands = {words[1] for words in said if words[0] == "stands"} - told.committed
        told.committed |= stands
        found.untold += len(stands)
        told.deleted |= {words[1] for words in said if words[0] == "delete"}
        told.moved |= {words[1] for words in said if words[0] == "moved"}
        found.refusals.update(words[1] for words in said if words[0] == "refused")
        found.broken += [" ".join(words) for words in said if words[0] == "WRONG"]
        if not was_killed:
            found.broken.append(f"ended by itself: {said[-2:]}")
            return
        for words in said:
            if words[0] in RESULTS:
                found.done[words[0]] += 1
            if words[0] == "collected":
                found.done.update(dict(zip(COUNTED, map(int, words[1:]), strict=True)))
        acts = [words[0] for words in said if words[0] not in RESULTS]
        found.kills[acts[-1]] += 1

    def _note(self, when: str, check: Callable[[], Iterable[str]]) -> None:
        self.found.broken += [
            f"{when}: {' '.join(words)}" for words in self._ask(lambda: ([w] for w in check()))
        ]

    def _ask(self, act: Callable[[], Iterable[Iterable[str]]]) -> list[list[str]]:
        """What comes of that in a process of its own: threads that it starts end with it."""
        said, was_killed = Child(act).rest()
        return [*said, ["WRONG", "it did not come to its end"]] if was_killed else said


def _again_and_again(place: Place, work: Work, seed: bytes) -> Iterable[Iterable[str]]:
    desk = Desk(place, random.Random(seed))
    while True:
        yield from work(desk)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the vault is made; it stays there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="safehold-kill-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = Trial(folder, seed=arguments.seed, kills=arguments.kills).run()
    print(found.to_json())
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
