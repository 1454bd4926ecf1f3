"""`python -m benches.api`: signed requests that one API process answers, and pages of very long lists.

    describes   DescribeBackupVault over kept connections, each request signed; per second of the clock, and
                per second of the process's own CPU: on a crowded machine only that one tells of us
    pages       the first and the last page of a vault's recovery points and of all tagged resources, by
                ListRecoveryPointsByBackupVault and GetResources in process: milliseconds by the clock, and
                of the process's own processor time. On SQLite; with --postgres-url of an empty database on
                PostgreSQL too

Filling takes minutes and measuring seconds: with --data they are two commands, `--step fill` and `--step
measure`. Results go to benches/results/api-<date>.json.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benches.listings import Crowd, milliseconds
from safehold.core.config import DataFolder
from safehold.core.secrets import RootKey
from safehold.records import installation, schema
from safehold.records.engine import Catalog

RESULTS = Path(__file__).parent / "results"
SAFEHOLD = [sys.executable, "-m", "safehold.cli.main"]
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    wanted = _options()
    with tempfile.TemporaryDirectory(prefix="safehold-bench-") as scratch:
        data = wanted.data or Path(scratch) / "data"
        if wanted.step != "measure":
            _fill(data, scratch, wanted)
        if wanted.step != "fill":
            _measure(data, scratch, wanted)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--points", type=int, default=1_000_000)
    options.add_argument("--resources", type=int, default=100_000)
    options.add_argument("--postgres-url", help="of an empty database, as SQLAlchemy writes it")
    options.add_argument("--data", type=Path, help="where the data folder is, or is to be made")
    options.add_argument("--step", choices=["fill", "measure", "both"], default="both")
    options.add_argument("--keep", action="store_true", help="write the figures into benches/results")
    return options.parse_args()


def _fill(data: Path, scratch: str, wanted: argparse.Namespace) -> None:
    account = _say(["init", "--data", data, "--json"], _environment(scratch))
    (data / "bench.json").write_text(json.dumps(account))
    if wanted.postgres_url:
        catalog = Catalog(wanted.postgres_url)
        schema.upgrade(catalog)
        installation.create(
            catalog,
            RootKey(b"r" * 32),
            region=account["region"],
            storage_url=f"file://{data}",
            now=datetime.now(UTC),  # a bench is no part of the product
            account_id=account["account_id"],
        )
        catalog.close()
    for crowd in _crowds(data, account, wanted).values():
        crowd.fill(points=wanted.points, resources=wanted.resources)
        crowd.catalog.close()


def _measure(data: Path, scratch: str, wanted: argparse.Namespace) -> None:
    account = json.loads((data / "bench.json").read_text())
    told: dict[str, Any] = {"points": wanted.points, "resources": wanted.resources}
    told["describes"] = _describes(data, account, _environment(scratch), wanted)
    for name, crowd in _crowds(data, account, wanted).items():
        told[name] = milliseconds(crowd, resources=wanted.resources)
        crowd.catalog.close()
    print(json.dumps(told, indent=1))
    if wanted.keep:
        name = f"api-{datetime.now(UTC):%Y-%m-%d-%H%M}.json"
        (RESULTS / name).write_text(json.dumps(told, indent=1) + "\n")


def _crowds(data: Path, account: dict[str, Any], wanted: argparse.Namespace) -> dict[str, Crowd]:
    folder = DataFolder(data)
    urls = {"sqlite": folder.catalog_url(folder.settings()), "postgresql": wanted.postgres_url}
    who = {"account": account["account_id"], "site": account["region"]}
    return {name: Crowd(Catalog(url), **who) for name, url in urls.items() if url}


def _environment(scratch: str) -> dict[str, str]:
    return {**os.environ, "AWS_CONFIG_FILE": f"{scratch}/c", "AWS_SHARED_CREDENTIALS_FILE": f"{scratch}/s"}


def _say(words: list[object], environment: dict[str, str]) -> dict[str, Any]:
    line = [*SAFEHOLD, *map(str, words)]
    said: dict[str, Any] = json.loads(subprocess.check_output(line, env=environment))
    return said


def _describes(
    data: Path, account: dict[str, Any], environment: dict[str, str], wanted: argparse.Namespace
) -> dict[str, float]:
    line = [*SAFEHOLD, "serve", "--api-only", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        endpoint = process.stdout.readline().split()[1]
        _hammer(endpoint, account, seconds=1.0, clients=wanted.clients)  # warm
        cpu, began = _cpu_seconds(process.pid), time.perf_counter()
        count = _hammer(endpoint, account, seconds=wanted.seconds, clients=wanted.clients)
        spent = _cpu_seconds(process.pid) - cpu
        return {
            "requests": count,
            "per_second": round(count / (time.perf_counter() - began), 1),
            "per_cpu_second": round(count / spent, 1),
            "clients": wanted.clients,
        }
    finally:
        process.terminate()
        process.wait()


def _hammer(endpoint: str, account: dict[str, Any], *, seconds: float, clients: int) -> int:
    """How many requests were answered well. Raises AssertionError for any other answer."""
    counts = [0] * clients
    failures: list[int] = []

    def ask(number: int) -> None:
        url = urlsplit(endpoint)
        connection = http.client.HTTPConnection(str(url.hostname), url.port)
        until = time.perf_counter() + seconds
        headers = _signed(endpoint, account)  # good for a quarter of an hour; each use is checked anew
        while time.perf_counter() < until:
            connection.request("GET", "/backup-vaults/Default", headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failures.append(answer.status)
                return
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    return sum(counts)


def _signed(endpoint: str, account: dict[str, Any]) -> dict[str, str]:
    request = AWSRequest("GET", f"{endpoint}/backup-vaults/Default")
    request.headers["Host"] = urlsplit(endpoint).netloc
    keys = Credentials(account["access_key_id"], account["secret_access_key"])
    SigV4Auth(keys, "backup", account["region"]).add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


if __name__ == "__main__":
    main()
