"""What an operation's handler receives, and the list of handlers.

A handler is a function of the call and the checked request; it answers a mapping in the model's own member
names, or None where the operation has no output. It runs inside the one transaction of its request, and its
answer leaves only after that has been committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from safehold.domain.arns import default_key_arn
from safehold.domain.quotas import Quotas

if TYPE_CHECKING:
    from safehold.core.secrets import SecretBox
    from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls."""

    account_id: str
    arn: str
    user_id: str


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """What the API is told when it starts.

    aws_limits  "strict" refuses what AWS's own cloud refuses; "extended" allows more
    quotas      how many of each thing there may be
    page_key    signs page tokens; at least 16 random bytes, the same in every process of an installation
    key_box     seals the secrets of access keys that are made; None where none can be
    results     opens what searches found; None where there are none
    """

    page_key: bytes = field(repr=False)
    partition: str = "aws"
    aws_limits: str = "extended"
    quotas: Quotas = field(default_factory=Quotas)
    key_box: SecretBox | None = field(default=None, repr=False, compare=False)
    results: SecretBox | None = field(default=None, repr=False, compare=False)

    def default_key_arn(self, site: str, account_id: str) -> str:
        """The ARN that stands for a site's own key, where AWS has the alias `aws/backup`; always the same."""
        return default_key_arn(site, account_id)


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler.

    site  what the API calls a Region: the scope of the signature
    now   when the request came in; aware, UTC
    tx    the request's transaction; the handler neither commits nor rolls back
    """

    operation: str
    request_id: str
    account_id: str
    site: str
    principal: Principal
    now: datetime
    tx: Tx
    config: ApiConfig

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a thing of AWS Backup's own, of this account and site: `arn("backup-vault", "a")`."""
        return f"arn:{self.config.partition}:backup:{self.site}:{self.account_id}:{kind}:{name}"

    @property
    def default_key_arn(self) -> str:
        return self.config.default_key_arn(self.site, self.account_id)


Request: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Mapping[str, Any] | None
Handler: TypeAlias = Callable[[Call, Any], Any]
H = TypeVar("H", bound=Handler)

_handlers: dict[tuple[str, str], Handler] = {}


def operation(name: str, *, service: str = "backup") -> Callable[[H], H]:
    """Make the function below the handler of this operation. Raises ValueError when it has one."""

    def register(handler: H) -> H:
        if (service, name) in _handlers:
            raise ValueError(f"two handlers for {service}:{name}")
        _handlers[service, name] = handler
        return handler

    return register


def handlers() -> Mapping[tuple[str, str], Handler]:
    """All handlers by (service, operation), of the families that `api.operations` lists."""
    from safehold.api import operations

    operations.load()
    return _handlers
