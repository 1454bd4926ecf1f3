"""The format's documents say what the code does: every number and word that matters, held side by side."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from safehold.connectors.files import facts as files_facts
from safehold.domain.items import Item, ItemKind
from safehold.store.collect import journal
from safehold.store.copies import id_map
from safehold.store.custody import recovery_kit
from safehold.store.fragments import id_filter, object_table, places, stored_fragment
from safehold.store.index import condemned, fragment_merging, index, index_folder, labels, scratch_index
from safehold.store.key_providers import aws_kms, key_file
from safehold.store.key_providers.aws_kms import AwsKms
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.key_providers.pkcs11_token import Pkcs11Token
from safehold.store.key_providers.transit import Transit
from safehold.store.points import checkpoints, points
from safehold.store.restoring import verdicts
from safehold.store.sealed import chunking, frames, keys, objects, sealing
from safehold.store.soundness import checks, verify
from safehold.store.trees import contents, search_tables, trees
from safehold.store.upkeep import scrub
from safehold.store.writers import intent_folder, tombstones
from safehold.store.writing import packing, session

FORMATS = Path(__file__).parents[2] / "docs/formats"
MIB = 1 << 20
KIB = 1 << 10

KIND_WORDS = ", ".join(
    f"{kind.value} {word}"
    for kind, word in zip(
        ItemKind,
        [
            "file",
            "directory",
            "symbolic link",
            "hard link",
            "fifo",
            "socket",
            "character device",
            "block device",
            "stream",
            "volume",
        ],
        strict=True,
    )
)

SAID = {
    "objects.md": [
        f"magic `{sealing.MAGIC.decode()}`, format version (2 bytes) {sealing.VERSION}",
        f"`{sealing.HEADER.format}`",
        f"header                {sealing.HEADER_BYTES} bytes",
        f"salt ({sealing.SALT_BYTES} bytes)",
        f"tag of {sealing.TAG_BYTES} bytes",
        "`safehold/1/<type>` as info",
        f"the directory is `{sealing.DIRECTORY_NUMBER:#X}`".replace("0X", "0x"),
        f"the footer\n  `{sealing.FOOTER_NUMBER:#X}`".replace("0X", "0x"),
        f"never more than `{sealing.MAX_FRAMES:#X}` frames".replace("0X", "0x"),
        f"footer                {objects.FOOTER_BYTES} bytes",
        f"The footer's plaintext is `{objects.FOOTER.format}`",
        f"last {objects.TAIL_BYTES // KIB} KiB",
        f"`[version, frames]`, version {objects.DIRECTORY_VERSION}",
        f"{objects.FrameKind.DATA} data, {objects.FrameKind.PAGES} pages, {objects.FrameKind.RECORD} record",
        f"`{frames.RAW[0]}` for raw or `{frames.ZSTD[0]}` for one Zstandard",
        f"saves at least {100 - round(100 * frames.WORTH)} %",
        f"{frames.MAX_FRAME_BYTES // MIB} MiB of plaintext",
        f"up to {packing.FRAME_BYTES // MIB} MiB and {packing.FRAME_CHUNKS} chunks",
        f"(pages: {packing.PAGE_FRAME_BYTES // KIB} KiB)",
        f"a chunk of {packing.ALONE_BYTES // KIB} KiB or more",
        f"about {packing.PACK_BYTES // MIB} MiB of sealed frames, or {packing.PACK_CHUNKS} chunks",
        *(f"| `{kind.folder}<" for kind in sealing.ObjectType),
        *(f"| {kind.value} |" for kind in sealing.ObjectType),
        *(f"| {name} |" for name in objects.FrameNote.__struct_fields__),
    ],
    "keys.md": [
        f"| version | {keys.FORMAT_VERSION} |",
        *(f"| `{kind.name}` |" for kind in (KeyFile, AwsKms, Pkcs11Token, Transit)),
        f"length of the wrapped data key ({aws_kms.LENGTH.size} bytes)",
        "`wrap vault keys`",
        f"nonce ({key_file.NONCE_BYTES} bytes)",
        "`safehold/vault-keys/` + the vault id",
        *(f"| {name} |" for name in keys.VaultKeys.__struct_fields__),
        *(f"| {name} |" for name in keys.KeyObject.__dataclass_fields__),
    ],
    "recovery-kit.md": [
        f"up to {recovery_kit.LINE_BYTES} bytes of the payload",
        f"| version | {recovery_kit.VERSION} |",
        f"{recovery_kit.SALT_BYTES} random bytes, {', '.join(map(str, recovery_kit.COST))} |",
        *(f"| {name} |" for name in recovery_kit.Payload.__struct_fields__),
        f"nonce ({recovery_kit.NONCE_BYTES}",
    ],
    "chunks-and-trees.md": [
        f"up to {chunking.SMALL_BYTES // MIB} MiB as one chunk",
        f"chunks of {chunking.MIN_BYTES // KIB} KiB to {chunking.MAX_BYTES // MIB} MiB, about\n",
        f"\n{chunking.AVERAGE_BYTES // MIB} MiB on average",
        f"records of {contents.RECORD.size} bytes, `{contents.RECORD.format}`",
        f"up to {contents.INLINE_RECORDS} records",
        f"up to {contents.PAGE_RECORDS} records",
        f"least {contents.PAGE_MIN_RECORDS})",
        f"divisible by {contents.BOUNDARY},",
        f"at most {trees.PAGE_MIN_BYTES // KIB} KiB is one leaf",
        f"divisible by {trees.BOUNDARY};",
        f"{trees.PAGE_MAX_BYTES // KIB} KiB",
        f"level 1 to {trees.MAX_LEVEL}",
        KIND_WORDS,
        *(f"| {name} |" for name in Item.__struct_fields__),
    ],
    "points.md": [
        f"adds less than {session.COMBINED_BYTES // MIB} MiB",
        f"| version | {points.RECORD_VERSION} |",
        *(name for name in points.PointRecord.__struct_fields__),
        *(f"`{name}`" for name in points.PointStats.__struct_fields__),
        *(f"| {name} |" for name in points.Amendment.__struct_fields__),
    ],
    "scrub.md": [
        *(f"{kind.folder}<" for kind in (sealing.ObjectType.CONDEMNED, sealing.ObjectType.CHECKS)),
        *(f"| `{verdict}` |" for verdict in verdicts.Verdict),
        f"When {verify.SILENT_IN_A_ROW} objects",
        f"| version | {checks.CHECKS_VERSION} |",
        f"up to {checks.FRAME_ENTRIES} arrays `[{', '.join(checks.Checked.__struct_fields__)}]`",
        f"there are {checks.MANY} of these",
        f"every {scrub.SAVE_BYTES >> 30} GiB or {scrub.SAVE_OBJECTS} objects",
        f"more than {scrub.ALARM_DAYS} days ago",
        f"| version | {condemned.NOTE_VERSION} |",
        *(f"| {name} |" for name in condemned.CondemnedNote.__struct_fields__),
    ],
    "collection.md": [
        *(f"`{kind.folder}<" for kind in sealing.ObjectType if kind.value in (6, 7, 18, 19)),
        *(f"`tombstones/<number>.{stage}`" for stage in tombstones.Stage),
        f"{tombstones.KEPT_NUMBERS} higher ones exist",
        *intent_folder.Intent.__struct_fields__,
        *intent_folder.Revocation.__struct_fields__,
        *tombstones.Announced.__struct_fields__,
        *journal.Seen.__struct_fields__,
        f"arrays `[{', '.join(journal.Entry.__struct_fields__)}]`",
    ],
    "search-tables.md": [
        f"## `{sealing.ObjectType.SEARCH.folder}<",
        f"| version | {search_tables.TABLE_VERSION} |",
        *(f"| {name} |" for name in search_tables.Head.__struct_fields__),
        f"`[{', '.join(search_tables.BlockNote.__struct_fields__)}]`",
        *(f"| {name} |" for name in search_tables.Block.__struct_fields__),
        f"has {search_tables.MIN_ROWS} to {search_tables.MAX_ROWS} rows",
        f"divisible by {search_tables.BOUNDARY}:",
        f"frames to {search_tables.MAX_TABLE_BYTES // MIB} MiB",
    ],
    "cold.md": [
        f"of type {sealing.ObjectType.COLD.value}",
        f"of type {sealing.ObjectType.LABEL.value}",
        f"`{sealing.ObjectType.COLD.folder}<32",
        f"`{sealing.ObjectType.LABEL.folder}<the",
        f"| version | {labels.VERSION} |",
        *(f"| {name} |" for name in labels.Label.__struct_fields__),
        f"`{points.STORAGE}`",
        f"`{points.STORAGE_CLASS}` = `{points.COLD_CLASS}`",
    ],
    "checkpoints.md": [
        f"`{sealing.ObjectType.CHECKPOINT.folder}<point id>/<{2 * sealing.ID_BYTES} hex digits>`",
        f"| version | {checkpoints.VERSION}.",
        *(f"| {name} |" for name in checkpoints.Checkpoint.__struct_fields__),
        *(f"| {name} |" for name in checkpoints.Unfinished.__struct_fields__),
    ],
    "id-maps.md": [
        f"## `{sealing.ObjectType.ID_MAP.folder}<source vault's id>/<{2 * sealing.ID_BYTES} hex digits>`",
        f"object of type {sealing.ObjectType.ID_MAP.value} as",
        f"| version | {id_map.VERSION}.",
        *(f"| {name} |" for name in id_map.Head.__struct_fields__),
        f"up to {id_map.PART_ROWS} rows",
        f"a table has up to {id_map.TABLE_ROWS}",
        f"A row is {id_map.ROW_BYTES} bytes",
        f"more than {id_map.MOST_TABLES} tables",
        f"more than {id_map.TABLE_ROWS} rows together",
    ],
    "index.md": [
        f"`{places.PLACE.format}`",
        f"a place ({places.PLACE.size} bytes)",
        f"{places.ROW_BYTES} bytes an entry",
        f"up to {index.BLOCK_ENTRIES} entries",
        *(f"| {name} |" for name in index.FragmentHead.__struct_fields__),
        f"first {sealing.HEADER_BYTES} bytes",
        f"| version | {index.FRAGMENT_VERSION} |",
        f"| version | {stored_fragment.VERSION} |",
        *(f"| {name} |" for name in stored_fragment.Head.__struct_fields__),
        f"| block_rows | {stored_fragment.BLOCK_ROWS}:",
        f"| part_blocks | {stored_fragment.PART_BLOCKS}:",
        f"sealed blocks are {stored_fragment.SEALED_BLOCK_BYTES} bytes each",
        f"more than {stored_fragment.BLOCK_ROWS * stored_fragment.PART_BLOCKS} entries",
        f"every {object_table.TABLE_OBJECTS} objects",
        f"with {id_filter.BUCKET_ROWS} to {2 * id_filter.BUCKET_ROWS} entries",
        f"{1 << id_filter.PARTITION_BITS} neighbouring buckets",
        f"after that {id_filter.PRINT_BYTES} bytes for every entry",
        f"bytes {id_filter.PRINT_AT} and {id_filter.PRINT_AT + 1} of its id",
        f"more than {fragment_merging.MOST_FRAGMENTS} of them",
        f"{fragment_merging.FEW_FRAGMENTS} or fewer are left",
        f"the last {stored_fragment.KEPT_BLOCKS} blocks",
        f"gathers more than {scratch_index.MEMORY_CHUNKS}\nchunks",
        f"has stored {session.NAMED_CHUNKS} chunks",
        f"{index_folder.WHOLE_BYTES // KIB} KiB or less is read whole",
    ],
}  # fmt: skip


@pytest.mark.parametrize("page", SAID)
def test_a_document_says_what_the_code_does(page: str) -> None:
    text = (FORMATS / page).read_text()
    assert [said for said in SAID[page] if said not in text] == []


def test_the_facts_of_files_are_all_described() -> None:
    described = (FORMATS / "chunks-and-trees.md").read_text()
    named = [line.split()[:2] for line in (files_facts.__doc__ or "").splitlines() if line.startswith("    ")]
    keys_named = {word for words in named for word in words if len(word) == 1 or word == "link_to"}
    assert keys_named >= set("mugtcinsrxld") | {"link_to"}
    assert [key for key in sorted(keys_named) if f"`{key}`" not in described] == []


@pytest.mark.parametrize(
    "kind",
    [
        objects.Directory,
        objects.FrameNote,
        points.PointRecord,
        points.Amendment,
        checkpoints.Checkpoint,
        checkpoints.Unfinished,
        journal.Seen,
        index.FragmentHead,
        stored_fragment.Head,
        checks.Checked,
        condemned.CondemnedNote,
        search_tables.Head,
        search_tables.BlockNote,
        search_tables.Block,
        id_map.Head,
        labels.Label,
        Item,
    ],
)
def test_readers_ignore_what_a_later_writer_adds(kind: type[msgspec.Struct]) -> None:
    assert not kind.__struct_config__.forbid_unknown_fields
