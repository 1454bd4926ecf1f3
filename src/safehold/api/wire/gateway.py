"""One request from its bytes to its answer: route, authenticate, parse, validate, handle, serialize, log.

Plain functions, run in the app's threads. The answer is made before the transaction commits and given out
after it, so that nothing is stored that could not be answered, and nothing answered that was not stored.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from safehold.api import native
from safehold.api.call import Answer, ApiConfig, Request
from safehold.api.local import Caller, invoke, invoke_endpoint
from safehold.api.model.load import service
from safehold.api.model.shapes import Operation
from safehold.api.native import Endpoint, NativeRequest
from safehold.api.wire import query, rpc
from safehold.api.wire.authenticate import FindKey, NoteUse, authenticate
from safehold.api.wire.http import HttpAnswer, HttpRequest
from safehold.api.wire.parse import json_object, parse, text
from safehold.api.wire.route import Match, Table, find_operation, unknown
from safehold.api.wire.scope import SEARCH, service_of
from safehold.api.wire.serialize import answer, error_answer, json_answer, search_error_answer
from safehold.core import ids
from safehold.core.clock import Clock
from safehold.core.errors import CatalogUnavailable, RequestError, Retry, SafeholdError, WireError
from safehold.records.engine import Catalog

log = logging.getLogger("safehold.api")


@dataclass(frozen=True, slots=True)
class Health:
    """The one thing that is answered to anybody."""

    name: str = "Health"


@dataclass(frozen=True, slots=True)
class ToOperation:
    operation: Operation
    labels: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.operation.name


@dataclass(frozen=True, slots=True)
class ToEndpoint:
    endpoint: Endpoint
    labels: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.endpoint.name


Route: TypeAlias = Health | ToOperation | ToEndpoint


class Gateway:
    """Answers requests. Threads may share it."""

    def __init__(
        self,
        catalog: Catalog,
        config: ApiConfig,
        *,
        find_key: FindKey,
        clock: Clock,
        note_use: NoteUse | None = None,
    ) -> None:
        self._catalog = catalog
        self._config = config
        self._find_key = find_key
        self._note_use = note_use
        self._clock = clock

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer, whatever the request; never raises. One line goes to the log."""
        began, request_id = self._clock.monotonic(), ids.new_id()
        name = "-"
        try:
            target = route(request)
            name = target.name
            answered = self._serve(target, request, request_id)
        except Exception as error:  # the request's edge: whatever happened, the caller gets an answer
            answered = refusal(request, as_request_error(error, request_id), request_id)
        spent_ms = (self._clock.monotonic() - began) * 1000
        log.info("%s %s %d %.1f ms %s", request.method, name, answered.status, spent_ms, request_id)
        return answered

    def _serve(self, target: Route, request: HttpRequest, request_id: str) -> HttpAnswer:
        match target:
            case Health():
                return json_answer(200, {"status": "ok"}, request_id)
            case ToOperation():
                return self._operation(target, request, request_id)
            case ToEndpoint():
                return self._endpoint(target, request, request_id)

    def _operation(self, target: ToOperation, request: HttpRequest, request_id: str) -> HttpAnswer:
        operation = target.operation
        caller = self._caller(request, service(operation.service).signing_name, request_id)
        given = _given(target, request)
        answered: list[HttpAnswer] = []

        def check(result: Answer) -> None:
            answered.append(_answered(operation, result, request, request_id))

        invoke(self._catalog, self._config, operation, request=given, caller=caller, check=check)
        return answered[0]

    def _endpoint(self, target: ToEndpoint, request: HttpRequest, request_id: str) -> HttpAnswer:
        caller = self._caller(request, "backup", request_id)
        asked = NativeRequest(
            labels={name: text(value, name) for name, value in target.labels.items()},
            query={name: text(value, name) for name, value in reversed(request.query)},
            body=json_object(request.body),
        )
        answered: list[HttpAnswer] = []

        def check(result: Answer) -> None:
            answered.append(json_answer(200, result, request_id))

        endpoint = target.endpoint
        invoke_endpoint(self._catalog, self._config, endpoint, request=asked, caller=caller, check=check)
        return answered[0]

    def _caller(self, request: HttpRequest, service: str, request_id: str) -> Caller:
        now = self._clock.now()
        identity = authenticate(request, service=service, now=now, find_key=self._find_key)
        if self._note_use is not None:
            self._note_use(identity.access_key_id, service=service, site=identity.site, now=now)
        return Caller(identity.principal, identity.site, now, request_id)


def route(request: HttpRequest) -> Route:
    """Where the request goes. Raises WireError when it leads nowhere."""
    if request.raw_path == native.HEALTH and request.method == "GET":
        return Health()
    if request.raw_path.startswith(native.PREFIX + "/"):
        found = _native_table().find(request, below=native.PREFIX)
        if found is None:
            raise unknown()
        return ToEndpoint(found.target, found.labels)
    if rpc.is_json(request) or rpc.is_cbor(request):
        return ToOperation(rpc.find_operation(request), {})
    if query.is_query(request):
        return ToOperation(query.find_operation(request), {})
    match: Match[Operation] = find_operation(request)
    return ToOperation(match.target, match.labels)


def refusal(request: HttpRequest, error: RequestError, request_id: str) -> HttpAnswer:
    """The error, in the form that the request's protocol has for it."""
    if rpc.is_json(request) or rpc.is_cbor(request):
        return rpc.error_answer(error, request, request_id)
    if query.is_query(request):
        return query.error_answer(error, request, request_id)
    if service_of(request) == SEARCH:
        return search_error_answer(error, request_id)
    return error_answer(error, request_id)


def as_request_error(error: Exception, request_id: str) -> RequestError:
    """What the caller is told. Our own trouble is named; a bug is logged with its trace and is not."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, SafeholdError):
        detail = {"detail": error.detail} if isinstance(error, CatalogUnavailable) else {}
        log.warning("%s: %s: %s", request_id, type(error).__name__, error, extra=detail)
        code = "ServiceUnavailableException" if error.retry is Retry.LATER else "InternalFailure"
        return WireError(code, f"{error}. {error.hint}".rstrip(". ") + ".", http_status=500)
    log.error("request %s failed", request_id, exc_info=error)
    return WireError("InternalFailure", "The request failed; the server's log says why.", http_status=500)


def _given(target: ToOperation, request: HttpRequest) -> Request:
    match service(target.operation.service).protocol:
        case "query":
            return query.parse(target.operation, request)
        case "rest-json":
            return parse(target.operation, target.labels, request)
    return rpc.parse(target.operation, request)


def _answered(operation: Operation, result: Answer, request: HttpRequest, request_id: str) -> HttpAnswer:
    match service(operation.service).protocol:
        case "query":
            return query.answer(operation, result, request_id)
        case "rest-json":
            return answer(operation, result, request_id)
    return rpc.answer(operation, result, request, request_id)


@cache
def _native_table() -> Table[Endpoint]:
    table: Table[Endpoint] = Table()
    for endpoint in native.endpoints().values():
        table.add(endpoint.method, tuple(endpoint.path.strip("/").split("/")), {}, endpoint)
    return table
