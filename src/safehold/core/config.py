"""An installation's configuration: one data folder, and what stands in its `safehold.toml`.

Every option has one sentence here; docs/howto lists them from this file.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

from safehold.core.errors import ConfigError, DataFolderLocked, DataFolderMissing
from safehold.core.filesystems import write_owner_only

POSTGRESQL = re.compile(r"^postgres(ql(\+psycopg)?)?://")  # as it is written here and there
LOCK_WAITS = (0, 0.05, 0.1, 0.2)  # seconds before each try


def _option(sentence: str, default: object) -> object:
    return field(default=default, metadata={"help": sentence})


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `safehold.toml`; all have defaults."""

    account_id: str = _option("The account that this installation was made with.", "")  # type: ignore[assignment]
    region: str = _option("The default site; any name will do.", "us-east-1")  # type: ignore[assignment]
    port: int = _option("The port of the API on the loopback address.", 8640)  # type: ignore[assignment]
    catalog_url: str = _option("SQLAlchemy URL of the catalog; empty: a SQLite file in the data folder.", "")  # type: ignore[assignment]
    jobs_url: str = _option("URL of the job engine's database; empty: a SQLite file in the data folder.", "")  # type: ignore[assignment]
    storage_url: str = _option(
        "Where vaults live: a folder or an S3 bucket, as a URL; empty: `vaults` in the data folder.", ""
    )  # type: ignore[assignment]
    cold_storage_url: str = _option(
        "Where points go that are moved to cold storage: a folder or an S3 bucket, as a URL; empty: nowhere.",
        "",
    )  # type: ignore[assignment]
    keys_url: str = _option(
        "Who wraps the vaults' keys: `file:` (root.key), `aws-kms:`, `pkcs11:` or `transit:` and which key.",
        "",
    )  # type: ignore[assignment]
    aws_limits: str = _option("`strict` refuses what AWS refuses; `extended` allows more.", "extended")  # type: ignore[assignment]
    event_webhooks: str = _option(
        "URLs that are told of every event by a signed POST, blanks between; empty: none.", ""
    )  # type: ignore[assignment]
    event_queues: str = _option(
        "URLs of SQS queues that get every event as a message, blanks between; empty: none.", ""
    )  # type: ignore[assignment]
    workers: int = _option("Worker processes that `safehold serve` starts.", 1)  # type: ignore[assignment]
    lease_seconds: float = _option(
        "A worker silent for so long is taken for dead, its jobs go to others.", 15.0
    )  # type: ignore[assignment]
    checkpoint_seconds: float = _option(
        "How often a running backup writes down how far it is, for whoever goes on with it; 0: never.", 120.0
    )  # type: ignore[assignment]
    discovery_seconds: float = _option("How often sources are asked what they hold.", 300.0)  # type: ignore[assignment]
    scrub_bytes_per_day: int = _option(
        "Bytes of each vault that are read back and checked a day, longest unread first; 0: none.", 64 << 30
    )  # type: ignore[assignment]
    collection_hours: float = _option(
        "How often vaults are freed of what no point needs; 0: only by `safehold store collect`.",
        24.0,
    )  # type: ignore[assignment]
    collection_grace_hours: float = _option(
        "How long what nothing needs stays where it is before it goes to the trash.", 24.0
    )  # type: ignore[assignment]
    collection_trash_days: float = _option(
        "How long what is in the trash can be undeleted before it is purged.", 7.0
    )  # type: ignore[assignment]
    collection_most_percent: float = _option(
        "More of a vault than this goes at once only by `safehold store collect --confirm`.", 50.0
    )  # type: ignore[assignment]
    delivery_endpoint: str = _option(
        "URL of the S3 endpoint whose buckets exports of search results go to; empty: AWS's own.", ""
    )  # type: ignore[assignment]
    scan_rules: str = _option(
        "Folder with YARA rules (`*.yar`) besides those that ship; empty: `rules` in the data folder.",
        "",
    )  # type: ignore[assignment]
    scan_largest_bytes: int = _option(
        "A larger item is not scanned, and its scan says so; one of that size needs so much room on disk.",
        64 << 30,
    )  # type: ignore[assignment]
    quotas: dict[str, int] = field(
        default_factory=dict,
        metadata={
            "help": "Quotas that differ from AWS's, by the names of docs/parity/quotas.md; 0: no limit."
        },
    )


class DataFolder:
    """The paths inside a data folder; knows where things are, not what is in them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings_file = path / "safehold.toml"
        self.root_key_file = path / "root.key"
        self.next_root_key_file = path / "root.key.next"  # there while a change of the root key is under way
        self.catalog_file = path / "catalog.db"
        self.jobs_file = path / "jobs.db"
        self.vaults = path / "vaults"
        self.cache = path / "cache"
        self.lock_file = path / "serve.lock"
        self.endpoint_file = path / "endpoint"  # there while `serve` runs
        self.lifelines = path / "lifelines"

    def settings(self) -> Settings:
        """What `safehold.toml` says. Raises DataFolderMissing, ConfigError."""
        if not self.settings_file.exists():
            raise DataFolderMissing(f"no installation in {self.path}")
        try:
            values = tomllib.loads(self.settings_file.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"cannot read {self.settings_file}: {error}") from error
        known = {option.name: option for option in fields(Settings)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ConfigError(f"{self.settings_file}: unknown options: {', '.join(unknown)}")
        if not isinstance(values.get("quotas", {}), dict):
            raise ConfigError(f"{self.settings_file}: quotas is a table: quotas = {{ vaults = 500 }}")
        return Settings(**values)

    def write_settings(self, settings: Settings) -> None:
        """Write `safehold.toml` anew, with a sentence above each option.

        For its owner alone: URLs hold passwords. Raises OSError; then the file is as it was.
        """
        lines = []
        for option in fields(Settings):
            value = getattr(settings, option.name)
            lines += [f"# {option.metadata['help']}", f"{option.name} = {_toml(value)}", ""]
        write_owner_only(self.settings_file, "\n".join(lines).encode())

    def catalog_url(self, settings: Settings) -> str:
        # The URL as PostgreSQL itself writes it would have SQLAlchemy look for another driver.
        return (
            POSTGRESQL.sub("postgresql+psycopg://", settings.catalog_url) or f"sqlite:///{self.catalog_file}"
        )

    def jobs_url(self, settings: Settings) -> str:
        return POSTGRESQL.sub("postgresql://", settings.jobs_url) or f"sqlite:///{self.jobs_file}"

    def storage_url(self, settings: Settings) -> str:
        return settings.storage_url or f"file://{self.vaults}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the data folder for one `serve`. Raises DataFolderLocked when another has it."""
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # RACE: whoever only looks whether it is locked holds it for a moment
            if not any(_take(descriptor, wait) for wait in LOCK_WAITS):
                raise DataFolderLocked(f"{self.path} is in use by another `safehold serve`")
            yield
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Is there a `serve` on this data folder now?"""
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            return not _take(descriptor, 0)
        finally:
            os.close(descriptor)


def _take(descriptor: int, wait_seconds: float) -> bool:
    time.sleep(wait_seconds)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{name} = {_toml(item)}" for name, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
