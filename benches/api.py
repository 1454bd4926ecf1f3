"""`python -m benches.api`: signed requests that one API process answers, and a page of a very long list.

    describes   DescribeBackupVault over kept connections, each request signed; per second of the clock, and
                per second of the process's own CPU: on a crowded machine only that one tells of us
    pages       the first and the last page of a vault's recovery points, by keyset, of that many

Results go to benches/results/api-<date>.json.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import insert

from safehold.core.config import DataFolder
from safehold.domain.recovery_points import PointStatus, StorageClass
from safehold.records import recovery_points, vaults
from safehold.records.engine import Catalog
from safehold.records.tables import recovery_point

RESULTS = Path(__file__).parent / "results"
SAFEHOLD = [sys.executable, "-m", "safehold.cli.main"]
TICK = os.sysconf("SC_CLK_TCK")
BATCH = 20_000
LISTINGS = 20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--points", type=int, default=1_000_000)
    options.add_argument("--keep", action="store_true", help="write the figures into benches/results")
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="safehold-bench-") as scratch:
        data = Path(scratch) / "data"
        environment = {
            **os.environ,
            "AWS_CONFIG_FILE": f"{scratch}/c",
            "AWS_SHARED_CREDENTIALS_FILE": f"{scratch}/s",
        }
        account = _say(["init", "--data", data, "--json"], environment)
        told = {"describes": _describes(data, account, environment, wanted)}
        told["pages"] = _pages(data, account, wanted.points)
    print(json.dumps(told, indent=1))
    if wanted.keep:
        name = f"api-{datetime.now(UTC):%Y-%m-%d-%H%M}.json"  # a bench is no part of the product
        (RESULTS / name).write_text(json.dumps(told, indent=1) + "\n")


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


def _pages(data: Path, account: dict[str, Any], points: int) -> dict[str, float]:
    folder = DataFolder(data)
    catalog = Catalog(folder.catalog_url(folder.settings()))
    with catalog.read() as tx:
        vault = vaults.find(tx, account_id=account["account_id"], site=account["region"], name="Default")
    assert vault is not None
    began = datetime(2030, 1, 1, tzinfo=UTC)
    for start in range(0, points, BATCH):
        rows = [_row(number, vault.id, account, began) for number in range(start, min(start + BATCH, points))]
        with catalog.begin() as tx:
            tx.execute(insert(recovery_point), rows)
    last = (began + timedelta(seconds=1000), _id(1000))  # newest first: what is older stands at the end
    told = {
        "points": points,
        "first_page_ms": _listing(catalog, vault.id, None),
        "last_page_ms": _listing(catalog, vault.id, last),
    }
    catalog.close()
    return told


def _listing(catalog: Catalog, vault_id: str, after: tuple[datetime, str] | None) -> float:
    """Milliseconds for a page of a thousand, the best of a few."""
    best = float("inf")
    for _ in range(LISTINGS):
        began = time.perf_counter()
        with catalog.read() as tx:
            found = recovery_points.page_of_vault(tx, vault_id=vault_id, after=after, limit=1000)
        best = min(best, time.perf_counter() - began)
        assert len(found) == 1000
    return round(best * 1000, 2)


def _id(number: int) -> str:
    return f"{number:036d}"


def _row(number: int, vault_id: str, account: dict[str, Any], began: datetime) -> dict[str, Any]:
    return {
        "id": _id(number),
        "arn": f"arn:aws:backup:{account['region']}:{account['account_id']}:recovery-point:{number}",
        "vault_id": vault_id,
        "account_id": account["account_id"],
        "site": account["region"],
        "job_id": _id(number),
        "resource_arn": f"arn:aws:elasticfilesystem:x:1:file-system/fs-{number % 1000}",
        "resource_type": "EFS",
        "status": PointStatus.COMPLETED,
        "created_at": began + timedelta(seconds=number),
        "storage_class": StorageClass.WARM,
        "is_parent": False,
        "restore_metadata": {},
        "facts": {},
    }


if __name__ == "__main__":
    main()
