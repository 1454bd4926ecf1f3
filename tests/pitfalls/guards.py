"""What each pitfall's test rests on: the guard, as an edit that takes it out, and the test that then fails.

`make soak` carries out each edit on a copy of the package and looks (test_guards.py). A guard whose text is
not in the source any more has moved: write it down here as it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Guard:
    """number: of the pitfall; edits: (module, what is there once, what stands there without the guard)."""

    number: int
    what: str
    edits: Sequence[tuple[str, str, str]] = field(repr=False)
    test: str = ""  # of the pitfall's file, as pytest's -k takes it; "" for all

    def __str__(self) -> str:
        return f"{self.number:02} {self.what}"


FILES = "connectors/files"
COLLECT = "store/collect"

GUARDS = (
    Guard(
        1,
        "older writers are waited for, and roots looked at again",
        [
            (f"{COLLECT}/collection.py", "if not any(epoch < number for epoch in epochs.values())]", "]"),
            (
                f"{COLLECT}/survey.py",
                '        """Also when it is not known what it holds."""\n',
                '        """Also when it is not known what it holds."""\n        return False\n',
            ),
        ],
        "keeps_what_it_needs",
    ),
    Guard(
        2,
        "what is needed is told from the roots, not from the times of files",
        [
            (
                f"{COLLECT}/collection.py",
                "for name, why in found.unneeded().items() if name not in named}",
                'for name, why in (found.unneeded() | {name: "" for name in found.sizes\n'
                '            if __import__("os").stat(self._backend.root / name).st_mtime < 1}).items()\n'
                "            if name not in named}",
            ),
            (
                f"{COLLECT}/survey.py",
                '        """Also when it is not known what it holds."""\n',
                '        """Also when it is not known what it holds."""\n        return False\n',
            ),
        ],
    ),
    Guard(
        3,
        "a record stands when the fence admits it",
        [
            (
                "store/writers/intents.py",
                "if self.fence.admit(intent_id, point_id) and not self._is_void(intent_id, point_id):",
                "if True:",
            )
        ],
        "slept_too_long",
    ),
    Guard(
        4,
        "a renewal counts",
        [
            (
                f"{COLLECT}/collection.py",
                "            if sequence == intent.sequence:\n                return first_seen +",
                "            if True:\n                return first_seen +",
            )
        ],
        "never_revoked",
    ),
    Guard(
        5,
        "a vault of an unknown version does not open",
        [("store/sealed/keys.py", "if stored.version not in KNOWN_VERSIONS:", "if False:")],
        "is_shut_out",
    ),
    Guard(
        6,
        "points that the last run saw must be listed",
        [(f"{COLLECT}/checks.py", "    if lost:\n", "    if False:\n")],
        "shows_less",
    ),
    Guard(
        7,
        "the journal is written, and first",
        [(f"{COLLECT}/collection.py", "        if noted:\n", "        if False:\n")],
        "journal",
    ),
    Guard(
        8,
        "clocks that disagree end the run",
        [(f"{COLLECT}/checks.py", "        if written_at > latest:", "        if False:")],
        "behind",
    ),
    Guard(
        9,
        "times that somebody wrote down are compared, never those of files",
        [
            (
                f"{COLLECT}/checks.py",
                "    for who, written_at in times:\n",
                "    root = journal._folder.backend.root\n"
                '    times += [("a file", int(f.stat().st_mtime * MICROS)) for f in root.rglob("*")]\n'
                "    for who, written_at in times:\n",
            )
        ],
    ),
    Guard(
        10,
        "a place must lie within its object",
        [
            (
                "store/index/index.py",
                "return place.sealed_offset + place.sealed_bytes <= (self._sizes.get(name) or 0)",
                "return True",
            )
        ],
        "half_a_pack",
    ),
    Guard(
        11,
        "a scrub holds the index against the objects",
        [("store/upkeep/scrub.py", "        self._compare_with_index(check)\n", "")],
        "found_out_by_a_scrub",
    ),
    Guard(
        11,
        "a name from an id map is looked up before it is used",
        [
            (
                "store/copies/rekeying.py",
                "if found is None or not self._is_held(found, part.length):",
                "if found is None:",
            ),
            (
                "store/copies/rekeying.py",
                "return found if any(place.length == part.length for place in self._places(found)) else None",
                "return found",
            ),
        ],
        "id_map_that_lies",
    ),
    Guard(
        12,
        "what the catalog shows is held against what the vault holds",
        [
            (
                "cli/verifying.py",
                "    for point_id in sorted(missing):\n",
                "    for point_id in list[str]():\n",
            )
        ],
        "row_without_a_point",
    ),
    Guard(
        13,
        "a scrub leaves what is damaged where it is",
        [
            (
                "store/upkeep/scrub.py",
                "            self._condemn(check)\n",
                "            self._condemn(check)\n            self._store.backend.delete(check.name)\n",
            )
        ],
        "leaves_every_object",
    ),
    Guard(
        14,
        "what was encoded is decoded and compared",
        [
            (
                "store/sealed/frames.py",
                "    if decode_frame(seal.open(number, sealed)) != plain:",
                "    if False:",
            )
        ],
        "plain_way",
    ),
    Guard(
        15,
        "what was sealed is opened and compared",
        [
            (
                "store/sealed/frames.py",
                "    if decode_frame(seal.open(number, sealed)) != plain:",
                "    if False:",
            )
        ],
        "flips_in_what_is_sealed",
    ),
    Guard(
        16,
        "a new key object is opened again from what the storage gives back",
        [
            (
                "store/sealed/keys.py",
                "        if given_back != stored or _unwrap(given_back, provider) != keys:",
                "        if False:",
            ),
            ("store/sealed/keys.py", "        given_back = read_key_object(backend, number, vault_id)\n", ""),
        ],
        "does_not_give_back",
    ),
    Guard(
        16,
        "what a provider wrapped is unwrapped before anything is put",
        [
            (
                "store/sealed/keys.py",
                "    if provider.unwrap(wrapped, context=context) != encode_keys(keys):",
                "    if False:",
            )
        ],
        "forgets_is_found_out",
    ),
    Guard(
        17,
        "a number seals once",
        [("store/sealed/sealing.py", "            if number in self._used:", "            if False:")],
        "seals_once",
    ),
    Guard(
        17,
        "a child of a fork seals nothing that its parent began",
        [("store/sealed/sealing.py", "        if os.getpid() != self._process:", "        if False:")],
        "begun_before_a_fork",
    ),
    Guard(
        18,
        "a frame is bound to its vault and its object's name",
        [
            (
                "store/sealed/sealing.py",
                "header[:BOUND_HEADER_BYTES] + vault_id + name.encode()",
                "header[:BOUND_HEADER_BYTES]",
            )
        ],
    ),
    Guard(
        19,
        "sizes are rounded up",
        [("store/sealed/objects.py", "    return -size % unit\n", "    return 0 * unit\n")],
        "rounded",
    ),
    Guard(
        20,
        "names of chunks are made with the vault's key",
        [
            (
                "store/sealed/chunking.py",
                "    return blake3(data, key=key).digest()",
                "    return blake3(data).digest()",
            )
        ],
        "in_common or computes or without_the_key",
    ),
    Guard(
        21,
        "what was read wrongly is read again before it is damage",
        [("store/restoring/verdicts.py", "TRIES = 3", "TRIES = 1")],
    ),
    Guard(
        22,
        "the change time is compared",
        [(f"{FILES}/facts.py", '        and facts.get("c") == seen.ctime_ns\n', "")],
        "hides_behind",
    ),
    Guard(
        22,
        "a file that replaced another is told by inode and change time",
        [
            (f"{FILES}/facts.py", '        and facts.get("c") == seen.ctime_ns\n', ""),
            (f"{FILES}/facts.py", '        and facts.get("i") == seen.ino\n', ""),
        ],
        "replaced_by_another",
    ),
    Guard(
        22,
        "what changed just before it was read is read again",
        [(f"{FILES}/facts.py", "    if changed >= racy_from_ns:", "    if False:")],
        "just_before",
    ),
    Guard(
        22,
        "file systems whose times say nothing are not trusted",
        [
            (
                f"{FILES}/mounts.py",
                "self._of_device[device] = _may_trust_times_at(device, folder, name)",
                "self._of_device[device] = True",
            )
        ],
        "times_say_nothing",
    ),
    Guard(
        22,
        "a share of the unchanged is read again",
        [
            (
                f"{FILES}/walk.py",
                "        if self._rate >= 1:\n            return 0\n",
                "        if self._rate >= 0:\n            return math.inf\n",
            )
        ],
        "share_of_the_unchanged",
    ),
    Guard(
        23,
        "names of one file are told apart from files",
        [(f"{FILES}/walk.py", "                if first != join(path, name):", "                if False:")],
        "hard_link_group",
    ),
    Guard(
        23,
        "extended attributes are read",
        [(f"{FILES}/facts.py", "    if not attributes:\n        return item\n", "    return item\n")],
        "one_of_everything",
    ),
    Guard(
        23,
        "holes are told from data",
        [
            (
                f"{FILES}/reading.py",
                "            data = self._seek(position, os.SEEK_DATA, size)\n",
                "            data = position\n",
            ),
            (
                f"{FILES}/reading.py",
                "self._seek(data, os.SEEK_HOLE, size) if data < size else size",
                "size",
            ),
        ],
        "holes_are_not_read",
    ),
    Guard(
        24,
        "names are shown with their odd bytes escaped",
        [("cli/looking.py", '.decode("utf-8", "backslashreplace")', '.decode("utf-8", "replace")')],
        "kept_listed_and_found",
    ),
    Guard(
        25,
        "names that lead away are refused",
        [
            (
                f"{FILES}/restoring.py",
                r'_LEADS_AWAY = re.compile(rb"(?:\A|/)\.{0,2}(?:/|\Z)|\0")',
                '_LEADS_AWAY = re.compile(rb"no name is like this")',
            )
        ],
        "leads_away",
    ),
    Guard(
        25,
        "links on the way are not followed",
        [
            (
                f"{FILES}/folders.py",
                "os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC",
                "os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC",
            )
        ],
        "swapped_in or written_through or reach_outside",
    ),
    Guard(
        26,
        "what was left out is told in the job's message",
        [("jobs/troubles.py", "        if not self.count:\n", "        if True:\n")],
    ),
    Guard(
        28,
        "what has to go is never locked",
        [("store/points/locking.py", "        if name.startswith(LOCKED_FOLDERS):", "        if True:")],
        "beside_locks",
    ),
    Guard(
        29,
        "a bucket that locks by itself is refused",
        [("store/backends/selftest.py", "    if found.default_retention is not None:", "    if False:")],
    ),
    Guard(
        33,
        "entries of very many objects are put away on a disk",
        [
            (
                "store/index/scratch_index.py",
                "            if chunks >= memory_chunks:",
                "            if False:",
            )
        ],
        "gathers_for_itself",
    ),
    Guard(
        33,
        "a walk lets go of directories that it has left",
        [
            (
                "store/trees/tree_reader.py",
                "        self.kept_items += len(found)\n",
                "        self.kept_items += len(found)\n        return\n",
            )
        ],
        "keeps_few_directories",
    ),
    Guard(
        34,
        "what a run that was cut off left is set right",
        [
            (
                f"{COLLECT}/collection.py",
                "                self._set_right(number, trashed.names, found, now)\n",
                "                pass\n",
            ),
            (
                f"{COLLECT}/collection.py",
                "        self._take(number, self._left_in_place(gone, found))\n",
                "",
            ),
            (
                f"{COLLECT}/trash.py",
                "                self.take(number, name)  # a run that",
                "                pass  # a run that",
            ),
        ],
    ),
    Guard(
        35,
        "a file of which a piece is lost is given up",
        [
            (
                "store/restoring/restoring.py",
                "        if file.failure:\n            if file.writer",
                "        if False:\n            if file.writer",
            )
        ],
        "does_not_show",
    ),
)
