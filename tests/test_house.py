"""House rules that no tool knows: who reads the time, how long files are, what they may not name."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from safehold.connectors.registry import CONNECTORS

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/safehold"
MODULES = sorted(SOURCE.rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]

LONGEST_FILE = 500
TOO_LONG: frozenset[str] = frozenset()  # may only shrink

# Both lists are closed: a room that needs the time or a random number takes it as an argument.
TIME_DOORS = {"core/clock.py"}
RANDOM_DOORS = {
    "core/ids.py",
    "core/secrets.py",
    "store/backends/local.py",  # names of temporary files
    "store/key_providers/aws_kms.py",  # nonces of wrapping
    "store/key_providers/key_file.py",  # nonces of wrapping
    "store/key_providers/pkcs11_token.py",  # nonces of wrapping
    "store/sealed/keys.py",  # a vault's keys
    "store/custody/recovery_kit.py",  # salts and nonces of kits
    "store/sealed/objects.py",  # padding
    "store/sealed/sealing.py",  # salts and object ids must come from the process that seals, at that moment
}
READS_OF_TIME = {
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "date.today",
    *(f"time.{name}{unit}" for name in ("time", "monotonic", "perf_counter") for unit in ("", "_ns")),
}
# Where the world comes in: beyond these a foreign exception is a bug, and may be seen as one.
EDGES = {
    "api/wire/gateway.py",  # the edge of a request
    "jobs/steps.py",  # the edge of a job
    "jobs/worker.py",  # the worker's loop
    "scheduler/loop.py",  # the scheduler's loop
    "events/loop.py",  # the loops that deliver events
    "cli/main.py",  # the end of a command
}
SOURCES_OF_RANDOMNESS = re.compile(
    r"^(secrets|random)\.(?!compare_digest$)|^os\.(urandom|getrandom)$|^uuid\.uuid[14]$"
)


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def name_in_source(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` of a node that is written so; else nothing."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


@cache
def names_used(module: Path) -> tuple[tuple[int, str], ...]:
    return tuple(_names_used(module))


def _names_used(module: Path) -> Iterator[tuple[int, str]]:
    """Every dotted name that a module uses, with its line, imports resolved: `from time import time` too."""
    nodes = list(ast.walk(tree_of(module)))
    origins = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            origins |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            origins |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in nodes:
        if dotted := dotted_name(node):
            first, _, rest = dotted.partition(".")
            whole = ".".join(filter(None, (origins.get(first, first), rest)))
            yield node.lineno, whole.removeprefix("datetime.") if whole.count(".") > 1 else whole


def using(is_meant: Callable[[str], object], *, but: set[str]) -> list[str]:
    """Where modules beside those doors use such a name."""
    return [
        f"{name_in_source(module)}:{line} {name}"
        for module in MODULES
        if name_in_source(module) not in but
        for line, name in names_used(module)
        if is_meant(name)
    ]


def test_only_the_clock_reads_the_time() -> None:
    assert using(READS_OF_TIME.__contains__, but=TIME_DOORS) == []


def test_only_ids_keys_and_seals_draw_random_numbers() -> None:
    assert using(SOURCES_OF_RANDOMNESS.match, but=RANDOM_DOORS) == []


def test_the_lists_of_doors_name_files_that_need_them() -> None:
    random = {
        name_in_source(m) for m in MODULES if any(SOURCES_OF_RANDOMNESS.match(n) for _, n in names_used(m))
    }
    assert {door for door in RANDOM_DOORS if (SOURCE / door).exists()} == random


def test_no_source_file_is_too_long() -> None:
    lengths = {name_in_source(module): len(module.read_text("utf-8").splitlines()) for module in MODULES}
    assert {name for name, length in lengths.items() if length > LONGEST_FILE} == TOO_LONG


def test_exceptions_of_every_kind_are_caught_at_the_edges_only() -> None:
    catching = {
        name_in_source(module)
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    }
    assert catching <= EDGES


@pytest.mark.parametrize("name", ["run", "test", "servers", "clients"])
def test_a_lock_has_a_hash_for_everything_and_names_no_host(name: str) -> None:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    packages = re.split(r"\n(?=\S)", text.strip())
    assert [
        line
        for line in packages
        if not re.match(r"[a-z0-9-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", line, re.S)
    ] == []
    assert "://" not in text
    assert not re.search(r"\b[a-z0-9-]+\.(org|com|net|io)\b", text)


def test_what_runs_is_also_what_is_tested() -> None:
    run, test = (
        set(re.findall(r"^\S+==\S+", (ROOT / f"requirements/{name}.txt").read_text(), re.M))
        for name in ("run", "test")
    )
    assert run - test == set()


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    foreign = re.compile(r"(?<![\w.~$}/-])/(?:work|root|opt)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked_files()
        if path.suffix not in (".json", ".gz")
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if foreign.search(line)
    ]
    assert found == []


def leading_nowhere(pattern: str, start: Callable[[Path], Path]) -> list[str]:
    """What the pages name by that pattern, from where they start, and is not there."""
    return [
        f"{page.relative_to(ROOT)}: {named}"
        for page in PAGES
        for named in re.findall(pattern, page.read_text("utf-8"))
        if not (start(page) / named).exists()
    ]


def test_every_link_in_the_documents_leads_somewhere() -> None:
    assert leading_nowhere(r"\]\(([^)#:]+)(?:#[^)]*)?\)", lambda page: page.parent) == []


def test_every_connector_folder_is_registered() -> None:
    folders = {path.parent.name for path in (SOURCE / "connectors").glob("*/__init__.py")}
    assert {type(connector).__module__.split(".")[2] for connector in CONNECTORS} == folders


def test_every_file_that_a_document_quotes_is_there() -> None:
    quoted = r"`((?:src|tests|docs|tools|benches|requirements|changes)/[\w./-]+)`"
    assert leading_nowhere(quoted, lambda page: ROOT) == []


def backends() -> set[str]:
    """The classes that have a backend's five verbs, or another's; but for promises and private ones."""
    classes = [
        node
        for module in (SOURCE / "store/backends").glob("*.py")
        for node in tree_of(module).body
        if isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases)
    ]
    verbs = {"put", "get", "size", "list", "delete"}
    found = {node.name for node in classes if verbs <= {getattr(part, "name", None) for part in node.body}}
    while True:
        heirs = {node.name for node in classes if found & set(map(ast.unparse, node.bases))}
        if heirs <= found:
            return {name for name in found if not name.startswith("_")}
        found |= heirs


def test_every_key_provider_meets_its_contract() -> None:
    providers = {
        node.name
        for module in (SOURCE / "store/key_providers").glob("*.py")
        for node in tree_of(module).body
        if isinstance(node, ast.ClassDef)
        and "Protocol" not in map(ast.unparse, node.bases)
        and {"wrap", "unwrap", "describe"} <= {getattr(part, "name", None) for part in node.body}
    }
    suites = [path.read_text("utf-8") for path in (ROOT / "tests/store/key_providers").glob("test_*.py")]
    meeting = "".join(suites)
    assert len(providers) >= 4
    assert {name for name in providers if f"class Test{name}(ProviderContract)" not in meeting} == set()


def test_every_backend_meets_its_contract() -> None:
    suites = [path.read_text("utf-8") for path in (ROOT / "tests/store/backends").glob("test_*.py")]
    meeting = [text for text in suites if re.search(r"\((Backend|Locking)Contract\)", text)]
    assert {"LocalBackend", "MemoryBackend", "S3Backend", "RetryBackend"} <= backends()
    assert {
        name for name in backends() if not any(re.search(rf"\b{name}[.(]", text) for text in meeting)
    } == set()


def test_every_pitfall_has_a_test_or_the_reason_why_not_yet() -> None:
    folder = ROOT / "tests/pitfalls"
    rows = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", (folder / "README.md").read_text("utf-8"), re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 36))
    links = {int(number): re.findall(r"\]\(([^)]+)\)", where) for number, where in rows}
    assert [link for named in links.values() for link in named if not (folder / link).exists()] == []
    lacking = [int(number) for number, where in rows if not links[int(number)]]
    assert [where for _, where in rows if not re.match(r"\[test\]\(test_\d|not yet: .", where)] == []
    files = {path.name for path in folder.glob("test_[0-9]*.py")}
    assert {link for named in links.values() for link in named if "/" not in link} == files
    assert {number for number in lacking if list(folder.glob(f"test_{number:02}_*.py"))} == set()
