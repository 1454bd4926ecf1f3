"""`safehold events`: what happened, and who could not be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from safehold.cli.options import data_option, json_option, show_json, show_rows

if TYPE_CHECKING:
    from safehold.cli.installation import Installation


@click.command("events")
@data_option
@click.option("--type", "detail_type", help="Only events of this type, as in 'Backup Job State Change'.")
@click.option("--since", help="Only events since this time, as in 2030-01-31T12:00:00Z.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--targets", is_flag=True, help="Where events go: counts, and the keys that sign webhooks.")
@click.option("--dead", is_flag=True, help="Deliveries that were given up.")
@click.option("--retry-dead", is_flag=True, help="Send again what was given up.")
@json_option
def command(
    data: Path,
    detail_type: str | None,
    since: str | None,
    limit: int,
    targets: bool,
    dead: bool,
    retry_dead: bool,
    as_json: bool,
) -> None:
    """Show what happened in the last 90 days, newest first, as AWS tells EventBridge of it."""
    from safehold.cli.installation import opened

    with opened(data) as installation:
        if retry_dead:
            _show_retried(installation.client.native("POST", "/events/dead/retry"), as_json)
        elif dead:
            query = {"limit": str(limit)}
            _show_dead(installation.client.native("GET", "/events/dead", query=query), as_json)
        elif targets:
            _show_targets(_target_rows(installation), as_json)
        else:
            given = {"type": detail_type, "since": since, "limit": str(limit)}
            query = {name: value for name, value in given.items() if value is not None}
            _show_events(installation.client.native("GET", "/events", query=query), as_json)


def _show_events(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json({"events": answer["events"]})
        return
    rows = [
        {
            "time": event["time"],
            "type": event["detail-type"].removesuffix(" State Change"),
            "state": event["detail"].get("state") or event["detail"].get("status"),
            "what": _what(event),
        }
        for event in answer["events"]
    ]
    columns = {"time": "TIME", "type": "TYPE", "state": "STATE", "what": "WHAT"}
    show_rows(rows, columns, empty="There are no events.")


def _what(event: Mapping[str, Any]) -> str:
    """A name for people: the resource that was backed up, the vault, or whatever the event is about."""
    detail = event["detail"]
    for name in ("resourceArn", "sourceResourceArn", "backupVaultName", "backupPlanId", "restoreJobId"):
        if detail.get(name):
            return str(detail[name])
    return str(detail.get("backupJobId") or "-")


def _show_dead(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    rows = [each | {"time": each["event"]["time"], "id": each["event"]["id"]} for each in answer["dead"]]
    columns = {"time": "TIME", "id": "EVENT", "target": "TARGET", "last_error": "LAST ERROR"}
    show_rows(rows, columns, empty="All events were delivered, or still may be.")


def _show_retried(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(answer)
    else:
        click.echo(f"{answer['retried']} deliveries are tried again.")


def _show_targets(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        show_json({"targets": rows})
        return
    columns = {
        "kind": "KIND",
        "url": "URL",
        "pending": "PENDING",
        "dead": "DEAD",
        "signing_key": "SIGNED WITH",
    }
    show_rows(rows, columns, empty="Events go nowhere: see event_webhooks in safehold.toml.")


def _target_rows(installation: Installation) -> list[dict[str, object]]:
    from safehold.domain.event_delivery import DeliveryState, TargetKind, targets_of
    from safehold.events.senders import shown_key, signing_key
    from safehold.records import events

    settings = installation.settings
    with installation.catalog.read() as tx:
        counts = events.counts(tx)
    rows: list[dict[str, object]] = []
    for target in targets_of(settings.event_webhooks, settings.event_queues):
        is_signed = target.kind is TargetKind.WEBHOOK
        key = shown_key(signing_key(installation.root_key, target)) if is_signed else None
        row: dict[str, object] = {"kind": str(target.kind), "url": target.url, "signing_key": key}
        for state in DeliveryState:
            row[state.lower()] = counts.get((target.url, state), 0)
        rows.append(row)
    return rows
