"""Puts one event where a target wants it: an HTTP POST that is signed, or a message in a queue.

Webhooks are signed as the Standard Webhooks specification has it; there are libraries that check them.
Source: Standard Webhooks 1.0, "Signature scheme"; SQS API reference, `SendMessage`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

from safehold.core.errors import EventNotDelivered
from safehold.core.secrets import RootKey
from safehold.domain.event_delivery import Target, TargetKind
from safehold.domain.events import envelope
from safehold.records.events import StoredEvent

SECONDS = 10.0  # for a target to answer
_TOLD = 300  # characters of what a target said

Send: TypeAlias = Callable[[StoredEvent, datetime], None]  # raises EventNotDelivered


def signing_key(root_key: RootKey, target: Target) -> bytes:
    """What a webhook's requests are signed with: always the same, another for each URL and root key."""
    return root_key.derive(f"events/{target.url}")


def shown_key(key: bytes) -> str:
    """The key as libraries for Standard Webhooks take it."""
    return "whsec_" + base64.b64encode(key).decode()


def sender(root_key: RootKey, target: Target) -> Send:
    """Sends to the target. One for each thread."""
    if target.kind is TargetKind.WEBHOOK:
        return Webhook(target.url, signing_key(root_key, target))
    return Queue(target.url)


class Webhook:
    """POSTs events. Any 2xx is well; a redirect is not followed: the signature was for another place."""

    def __init__(self, url: str, key: bytes) -> None:
        self._url = url
        self._key = key
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, stored: StoredEvent, now: datetime) -> None:
        body = json.dumps(envelope(stored.event, stored.id), separators=(",", ":")).encode()
        request = urllib.request.Request(
            self._url, data=body, headers=self._headers(stored.id, body, now), method="POST"
        )
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                answer.read(_TOLD)
        except urllib.error.HTTPError as error:
            with error:
                raise EventNotDelivered(f"HTTP {error.code} {error.reason}"[:_TOLD]) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EventNotDelivered(str(error)[:_TOLD] or type(error).__name__) from error

    def _headers(self, event_id: str, body: bytes, now: datetime) -> Mapping[str, str]:
        seconds = str(int(now.timestamp()))
        signed = b".".join([event_id.encode(), seconds.encode(), body])
        signature = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        return {
            "Content-Type": "application/json",
            "User-Agent": "safehold-events",
            "webhook-id": event_id,
            "webhook-timestamp": seconds,
            "webhook-signature": f"v1,{signature}",
        }


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _SqsClient(Protocol):
    def send_message(self, **params: str) -> object: ...


class Queue:
    """Sends events as messages of an SQS queue; credentials come the way AWS's clients find them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: _SqsClient | None = None

    def __call__(self, stored: StoredEvent, now: datetime) -> None:
        del now
        from botocore.exceptions import BotoCoreError, ClientError

        body = json.dumps(envelope(stored.event, stored.id), separators=(",", ":"))
        # Of a first-in-first-out queue: one order for all, and a repeated event is dropped by the queue.
        more = (
            {"MessageGroupId": "safehold", "MessageDeduplicationId": stored.id}
            if self._url.endswith(".fifo")
            else {}
        )
        try:
            self._client().send_message(QueueUrl=self._url, MessageBody=body, **more)
        except (BotoCoreError, ClientError) as error:
            raise EventNotDelivered(str(error)[:_TOLD]) from error

    def _client(self) -> _SqsClient:
        if self._made is None:
            import boto3  # imported late: half a second that only those with queues wait
            from botocore.config import Config

            parts = urlsplit(self._url)
            named = re.match(r"sqs\.([a-z0-9-]+)\.amazonaws\.com", parts.hostname or "")
            config = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 1})
            self._made = boto3.client(
                "sqs",
                endpoint_url=f"{parts.scheme}://{parts.netloc}",
                region_name=named[1] if named else None,
                config=config,
            )
        return self._made
