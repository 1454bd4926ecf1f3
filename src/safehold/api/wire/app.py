"""The ASGI door: reads a request whole, hands it to a thread, sends the answer. All that is async is here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from safehold.api.wire.gateway import Gateway, refusal
from safehold.api.wire.http import HttpAnswer, HttpRequest, read_request
from safehold.core import ids
from safehold.core.errors import WireError

# The largest request of the model is a policy of 200,000 characters; a plan with every rule is far smaller.
MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 60.0
THREADS = 8  # requests wait for the database, hardly for the processor

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class ClientGone(Exception):
    """The client hung up before its request was whole; there is nobody to answer."""


class App:
    """The API as an ASGI application. Its threads live from the first request to `shutdown`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            try:
                await _send(send, await self._answer(scope, receive))
            except ClientGone:
                return

    async def _answer(self, scope: Message, receive: Receive) -> HttpAnswer:
        try:
            body = await _body(receive)
            request = _request(scope, body)
        except WireError as error:
            return refusal(_bare(scope), error, ids.new_id())
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._gateway.answer, request)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        self._threads.shutdown()
        await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Receive) -> bytes:
    """The request's body. Raises WireError when it is too large or too slow, ClientGone.

    A client in the middle of sending too much still gets its answer: the server reads on and drops the rest.
    """
    body, has_more = bytearray(), True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while has_more and len(body) <= MAX_BODY_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                has_more = message.get("more_body", False)
    except TimeoutError as error:
        raise WireError("RequestTimeoutException", "the body came too slowly", http_status=408) from error
    if len(body) > MAX_BODY_BYTES:
        limit = f"the body is larger than {MAX_BODY_BYTES} bytes"
        raise WireError("RequestEntityTooLargeException", limit, http_status=413)
    return bytes(body)


def _request(scope: Message, body: bytes) -> HttpRequest:
    return read_request(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], body)


def _bare(scope: Message) -> HttpRequest:
    """Enough of a request that could not be read, to know which form its refusal has."""
    return HttpRequest(scope["method"], scope["path"], (), {}, b"")


async def _send(send: Send, answer: HttpAnswer) -> None:
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    if answer.status == 204:
        del headers["Content-Length"]  # RFC 9110 8.6: a 204 has no length
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
