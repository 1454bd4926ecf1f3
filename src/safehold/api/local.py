"""The API's operations in process, for the CLI and the console: same checks, same transaction, no wire.

`invoke` is the one place where a handler runs; the wire ends there too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safehold.api.call import Answer, ApiConfig, Call, Principal, Request, handlers
from safehold.api.model.load import service
from safehold.api.model.shapes import Operation
from safehold.api.native import Endpoint, NativeRequest, endpoints
from safehold.api.not_built import NOT_BUILT
from safehold.api.wire.validate import validate
from safehold.core import ids
from safehold.core.clock import Clock, SystemClock
from safehold.core.errors import NotBuilt
from safehold.records.engine import Catalog
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, of which site, when, and under which request id."""

    principal: Principal
    site: str
    now: datetime
    request_id: str


def invoke(
    catalog: Catalog,
    config: ApiConfig,
    operation: Operation,
    *,
    request: Request,
    caller: Caller,
    check: Callable[[Answer], None] = lambda answer: None,
) -> Answer:
    """The handler's answer, after its transaction was committed; rolled back if it or `check` raises.

    Raises RequestError: NotBuilt for an operation without handler, or what validation and the handler raise.
    """
    handler = handlers().get((operation.service, operation.name))
    if handler is None:
        raise NotBuilt(operation.name, NOT_BUILT.get(operation.name, "it is not part of this release"))
    validate(operation, request)
    with transaction(catalog, is_read=operation.is_read) as tx:
        call = call_of(operation.name, caller, tx=tx, config=config)
        answer: Answer = handler(call, request)
        check(answer)
    return answer


def invoke_endpoint(
    catalog: Catalog,
    config: ApiConfig,
    endpoint: Endpoint,
    *,
    request: NativeRequest,
    caller: Caller,
    check: Callable[[Answer], None] = lambda answer: None,
) -> Mapping[str, Any]:
    """As `invoke`, for an endpoint of `/_safehold/v1`."""
    with transaction(catalog, is_read=endpoint.is_read) as tx:
        answer = endpoint.handler(call_of(endpoint.name, caller, tx=tx, config=config), request)
        check(answer)
        return answer


def call_of(name: str, caller: Caller, *, tx: Tx, config: ApiConfig) -> Call:
    """The call that a handler is given."""
    return Call(
        operation=name,
        request_id=caller.request_id,
        account_id=caller.principal.account_id,
        site=caller.site,
        principal=caller.principal,
        now=caller.now,
        tx=tx,
        config=config,
    )


def transaction(catalog: Catalog, *, is_read: bool) -> AbstractContextManager[Tx]:
    """A read takes no write lock, so that lists never wait for a writer."""
    return catalog.read() if is_read else catalog.begin()


class LocalClient:
    """Calls operations as one principal of one site. Threads may share it."""

    def __init__(
        self,
        catalog: Catalog,
        config: ApiConfig,
        *,
        principal: Principal,
        site: str,
        clock: Clock | None = None,
    ) -> None:
        self._catalog = catalog
        self._config = config
        self._principal = principal
        self._site = site
        self._clock = clock or SystemClock()

    def call(self, name: str, /, *, service_name: str = "backup", **request: Any) -> Mapping[str, Any]:
        """What the operation answers, `{}` where it answers nothing; values are Python's (datetimes, ints).

        `client.call("ListBackupVaults", MaxResults=10)`. Raises RequestError as the API would answer it, and
        KeyError for a name that the model does not have.
        """
        operation = service(service_name).operations[name]
        caller = self._caller()
        given = {key: value for key, value in request.items() if value is not None}
        return invoke(self._catalog, self._config, operation, request=given, caller=caller) or {}

    def native(
        self,
        method: str,
        path: str,
        *,
        labels: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """What the endpoint with this path template answers: `client.native("GET", "/status")`.

        Raises RequestError, and KeyError when there is no such endpoint.
        """
        asked = NativeRequest(labels or {}, query or {}, body or {})
        return invoke_endpoint(
            self._catalog, self._config, endpoints()[method, path], request=asked, caller=self._caller()
        )

    def _caller(self) -> Caller:
        return Caller(self._principal, self._site, self._clock.now(), ids.new_id())
