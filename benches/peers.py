"""The newest restic and Borg that run here, fetched from Debian's suites without installing anything.

apt verifies the archive's signature; its lists and caches stand apart from the machine's own. A peer that
cannot be had is absent, and the comparison says so.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# (package, suite) in the order in which they are tried; Borg's needs Debian's own Python and libraries.
RESTIC = (("restic", "sid"), ("restic", "bookworm-backports"))
BORG = (("borgbackup", "bookworm-backports"), ("borgbackup", "sid"))
BORG_NEEDS = ("python3-msgpack", "python3-packaging", "libxxhash0")


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    version: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def fetch(folder: Path) -> list[Peer]:
    """The peers that run on this machine, unpacked below `folder`; those that do not are left out."""
    apt = _Apt(folder)
    if not apt.is_usable():
        return []
    return [peer for peer in (_restic(apt), _borg(apt)) if peer is not None]


def _restic(apt: _Apt) -> Peer | None:
    root = apt.unpack(RESTIC)
    return None if root is None else _peer("restic", [str(root / "usr/bin/restic")], ["version"])


def _borg(apt: _Apt) -> Peer | None:
    root = apt.unpack(BORG, needs=BORG_NEEDS)
    if root is None:
        return None
    command = ["/usr/bin/python3", str(root / "usr/bin/borg")]
    libraries = {
        "PYTHONPATH": str(root / "usr/lib/python3/dist-packages"),
        "LD_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu"),
    }
    return _peer("borg", command, ["--version"], libraries)


def _peer(
    name: str, command: list[str], version: list[str], environment: dict[str, str] | None = None
) -> Peer | None:
    settings = environment or {}
    try:
        told = subprocess.run(
            [*command, *version], env=os.environ | settings, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return Peer(name, told.stdout.split("\n")[0].split(" compiled")[0].split()[-1], command, settings)


class _Apt:
    """apt with sources, lists and cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._options = [
            f"-oDir::Etc::SourceList={folder}/sources.list",
            "-oDir::Etc::SourceParts=-",
            f"-oDir::State::Lists={folder}/lists",
            f"-oDir::Cache={folder}/cache",
            "-oDir::State::status=/dev/null",
        ]

    def is_usable(self) -> bool:
        """Are the suites' lists there, fetched now if need be? They lie on the machine's own mirror."""
        mirror = self._mirror()
        if mirror is None:
            return False
        for name in ("lists/partial", "cache/archives/partial", "packages"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        suites = ("sid", "bookworm-backports", "bookworm")
        lines = [f"deb [signed-by={KEYRING}] {mirror} {suite} main\n" for suite in suites]
        (self.folder / "sources.list").write_text("".join(lines), encoding="utf-8")
        return self._run("apt-get", "update").returncode == 0

    def _mirror(self) -> str | None:
        told = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
            capture_output=True,
            text=True,
            check=False,
        )
        return next((uri for uri in told.stdout.split() if "security" not in uri), None)

    def unpack(self, choices: tuple[tuple[str, str], ...], needs: tuple[str, ...] = ()) -> Path | None:
        """The first choice that can be had, with what it needs, unpacked into a folder of its own."""
        for package, suite in choices:
            root = self.folder / "unpacked" / f"{package}-{suite}"
            wanted = [f"{package}/{suite}", *(f"{need}/bookworm" for need in needs)]
            if all(self._unpack_one(each, root) for each in wanted):
                return root
        return None

    def _unpack_one(self, wanted: str, root: Path) -> bool:
        with_files = set((self.folder / "packages").glob("*.deb"))
        if self._run("apt-get", "download", wanted).returncode != 0:
            return False
        name = wanted.split("/")[0]
        found = set((self.folder / "packages").glob(f"{name}_*.deb"))
        newest = max(found - with_files or found, key=lambda path: path.stat().st_mtime)
        root.mkdir(parents=True, exist_ok=True)
        return subprocess.run(["dpkg", "-x", str(newest), str(root)], check=False).returncode == 0

    def _run(self, tool: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [tool, *self._options, "-oAPT::Sandbox::User=root", "-qq", *arguments]
        return subprocess.run(command, cwd=self.folder / "packages", capture_output=True, check=False)
