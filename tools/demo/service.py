"""Safehold as a child process on a scratch data folder, reached by its CLI and by boto3."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import boto3

PROFILE = "safehold"
STOP_SECONDS = 30
COMMAND = [sys.executable, "-m", "safehold.cli.main"]


class ServiceError(Exception):
    """The service did not do what it was told; the message says what it said."""


class Service:
    """A data folder in `scratch`, and `safehold serve` on it once it was started."""

    def __init__(self, scratch: Path) -> None:
        self.data = scratch / "data"
        self.log = scratch / "serve.log"
        # The profile is written here, not into the person's own files.
        self.environment = {
            "AWS_CONFIG_FILE": str(scratch / "aws/config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(scratch / "aws/credentials"),
        }
        self.endpoint = ""
        self.account: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Make the data folder and serve it on a free port. Raises ServiceError."""
        port = _free_port()
        self.account = self.cli("init", "--profile", PROFILE, "--port", str(port))
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--data", str(self.data)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self.environment,
                start_new_session=True,  # Ctrl-C is for us, who stop it in order
            )
        self.endpoint = self._endpoint(self.process.stdout)

    def cli(self, *arguments: str) -> Any:
        """Run a command of the CLI on the data folder; answers what it says. Raises ServiceError."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--data", str(self.data), "--json"],
            capture_output=True,
            text=True,
            env=os.environ | self.environment,
        )
        if done.returncode != 0:
            raise ServiceError(f"safehold {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout)

    def client(self) -> Any:
        """The stock boto3 client, pointed at the service."""
        return boto3.client(
            "backup",
            endpoint_url=self.endpoint,
            region_name=self.account["region"],
            aws_access_key_id=self.account["access_key_id"],
            aws_secret_access_key=self.account["secret_access_key"],
        )

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{self.account['account_id']}:role/service-role/AWSBackupDefaultServiceRole"

    def check_running(self) -> None:
        """Raises ServiceError when it has ended."""
        if self.process is None or self.process.poll() is not None:
            raise ServiceError(f"safehold serve has ended:\n{self.log.read_text()[-2000:]}")

    def stored_bytes(self) -> int:
        """What the vaults take on disk."""
        return sum(file.stat().st_size for file in (self.data / "vaults").rglob("*") if file.is_file())

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _endpoint(self, output: IO[str] | None) -> str:
        assert output is not None
        line = output.readline()
        if not line.startswith("ready "):
            self.stop()
            raise ServiceError(f"safehold serve did not start:\n{line}{self.log.read_text()[-2000:]}")
        return line.split()[1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
