"""The stock client on the API in this process: everything but the socket is as it is between machines."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from safehold.api.wire.gateway import Gateway
from safehold.api.wire.http import HttpAnswer, read_request
from tests.api.contract.judge import Answered
from tests.api.job_world import SITE


class StockClient:
    """boto3's client of a service, without checks of its own, on whatever gateway it is given."""

    def __init__(self, service: str, key_id: str, secret: str) -> None:
        self.gateway: Gateway | None = None
        self._last: HttpAnswer | None = None
        self._client = boto3.client(
            service,
            endpoint_url="http://host",
            region_name=SITE,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        self._client.meta.events.register("before-send", self._send)
        self.model = self._client.meta.service_model
        self._methods = {
            operation: name for name, operation in self._client.meta.method_to_api_mapping.items()
        }

    def operations(self) -> list[OperationModel]:
        return [self.model.operation_model(name) for name in self.model.operation_names]

    def call(self, operation: str, params: dict[str, Any]) -> Answered:
        """What came back, and what the client made of it. Raises what the client raises but for errors."""
        code = None
        try:
            read = getattr(self._client, self._methods[operation])(**params)
        except ClientError as error:
            code, read = error.response["Error"]["Code"], error.response
        answer = self._last
        assert answer is not None
        return Answered(answer.status, dict(answer.headers), answer.body, code, read)

    def close(self) -> None:
        self._client.close()

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        headers = [(name.encode(), _bytes(value)) for name, value in request.headers.items()]
        headers.append((b"host", url.netloc.encode()))
        body = request.body or b""
        raw = read_request(request.method, url.path.encode(), url.query.encode(), headers, _bytes(body))
        assert self.gateway is not None
        self._last = answer = self.gateway.answer(raw)
        response = AWSResponse(request.url, answer.status, HTTPHeaders.from_dict(dict(answer.headers)), None)
        response._content = answer.body  # the one thing that has no public way in
        return response


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
