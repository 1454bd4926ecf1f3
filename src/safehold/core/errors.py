"""Every error that this program raises on purpose.

    SafeholdError
    ├─ RequestError              the caller can fix it; answered as the AWS error named by `wire_code`
    │  ├─ AlreadyExists             AlreadyExistsException
    │  ├─ InvalidParameterValue     InvalidParameterValueException
    │  ├─ MissingParameterValue     MissingParameterValueException
    │  ├─ InvalidRequest            InvalidRequestException
    │  ├─ InvalidResourceState      InvalidResourceStateException
    │  ├─ Conflict                  ConflictException
    │  ├─ LimitExceeded             LimitExceededException
    │  ├─ ResourceNotFound          ResourceNotFoundException
    │  ├─ AccessDenied              AccessDeniedException
    │  ├─ NotBuilt                  an operation of the model that has no handler yet
    │  ├─ ServiceRefusal            what a service beside AWS Backup has a name of its own for
    │  └─ WireError                 the request itself: signature, route, form; carries its own code
    ├─ ConfigError               the installation is set up wrongly
    │  ├─ DataFolderLocked          another `serve` uses this data folder
    │  ├─ DataFolderMissing         no installation there
    │  ├─ NetworkFileSystem         the data folder is where file locks do not hold
    │  ├─ AlreadyInstalled          the catalog holds an installation already
    │  ├─ CatalogVersionError       the catalog's tables are not this program's
    │  ├─ RootKeyError              the root key is missing, unreadable or not the right one
    │  └─ KitError                  a recovery kit that cannot be read, or not with that passphrase
    ├─ CatalogUnavailable        the catalog's database does not answer, or lost what we had begun
    ├─ SourceError               what is being backed up failed us
    │  ├─ SourceMissing             it is not there
    │  └─ SourceDenied              it may not be read, or its root may not be written
    ├─ StoreError                where backups are kept failed us
    │  ├─ StoreFull                 no room left; goes on once there is
    │  ├─ StoreUnavailable          an operation of the backend failed
    │  │  ├─ StoreDenied               the store does not take our keys, or they may not do this
    │  │  └─ NotRetrieved              an object lies in an archive and was not asked for yet
    │  ├─ ObjectLocked              a lock on an object does not allow this before it ends
    │  ├─ ObjectExists              an object of that name is there already (objects are written once)
    │  ├─ ObjectMissing             an object that ought to be there is not
    │  ├─ Damaged                   bytes came back that do not authenticate or do not fit the format
    │  │  └─ PointDamaged              items of a recovery point cannot be read, so it cannot be copied
    │  ├─ KeyMismatch               the key does not open this vault
    │  ├─ KeysUnavailable           who wraps the vaults' keys does not answer, or refuses
    │  ├─ WriterRevoked             a writer fell silent for so long that collection went on without it
    │  ├─ WritersAtWork             a vault is written to, so that this cannot be done to it now
    │  └─ CollectionRefused         something is not as it should be, so nothing is taken away
    ├─ RestoreError              a restore cannot be done as asked
    ├─ EventNotDelivered         who wants to be told of events does not take one
    └─ JobAborted                the job was told to stop
       └─ JobExpired                its completion window is over

Anything else that leaves a room is a bug. tests/core/test_errors.py keeps this picture true.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

MAX_TOLD = 10  # items named in a message


class Retry(StrEnum):
    """Would the same call, made again, have a chance?"""

    NEVER = "never"
    LATER = "later"


class SafeholdError(Exception):
    """Base of the tree above. Facts are attributes; the message is built from them."""

    retry: ClassVar[Retry] = Retry.NEVER
    hint: str = ""  # what the reader can do next, as one sentence


class RequestError(SafeholdError):
    """The caller can fix it. `wire_code` is the error shape's name in the API model.

    code     AWS's internal error number (`ERROR_3015`), or None
    context  a string for programs: an ARN, or a JSON array; None when there is nothing to add
    """

    wire_code: str = "InvalidRequestException"
    http_status: int = 400

    def __init__(self, message: str, *, code: str | None = None, context: str | None = None) -> None:
        self.code = code
        self.context = context
        super().__init__(message)


class AlreadyExists(RequestError):
    wire_code = "AlreadyExistsException"

    def __init__(
        self, message: str, *, arn: str | None = None, creator_request_id: str | None = None
    ) -> None:
        self.arn = arn
        self.creator_request_id = creator_request_id
        super().__init__(message)


class InvalidParameterValue(RequestError):
    wire_code = "InvalidParameterValueException"


class MissingParameterValue(RequestError):
    wire_code = "MissingParameterValueException"


class InvalidRequest(RequestError):
    wire_code = "InvalidRequestException"


class InvalidResourceState(RequestError):
    wire_code = "InvalidResourceStateException"


class Conflict(RequestError):
    wire_code = "ConflictException"


class LimitExceeded(RequestError):
    wire_code = "LimitExceededException"


class ResourceNotFound(RequestError):
    wire_code = "ResourceNotFoundException"


class AccessDenied(RequestError):
    wire_code = "AccessDeniedException"
    http_status = 403

    def __init__(self, message: str = "Insufficient privileges to perform this action.") -> None:
        super().__init__(message)


class NotBuilt(RequestError):
    """A known operation without a handler; `reason` stands in `docs/parity/operations.md` too."""

    wire_code = "NotImplementedException"
    http_status = 501

    def __init__(self, operation: str, reason: str) -> None:
        self.operation = operation
        super().__init__(f"{operation} is not available: {reason}")


class ServiceRefusal(RequestError):
    """IAM's NoSuchEntity, say. Each service's codes stand with its operations."""

    def __init__(self, wire_code: str, message: str, *, http_status: int = 400) -> None:
        self.wire_code = wire_code
        self.http_status = http_status
        super().__init__(message)


class WireError(RequestError):
    """The request itself is wrong: unsigned, unroutable, malformed."""

    def __init__(self, wire_code: str, message: str, *, http_status: int = 400) -> None:
        self.wire_code = wire_code
        self.http_status = http_status
        super().__init__(message)


class ConfigError(SafeholdError):
    pass


class DataFolderLocked(ConfigError):
    hint = "Stop the other `safehold serve`, or give this one a data folder of its own."


class DataFolderMissing(ConfigError):
    hint = "Run `safehold init --data DIR` first."


class AlreadyInstalled(ConfigError):
    hint = "Use what is there, or take another data folder and catalog for a new installation."


class CatalogVersionError(ConfigError):
    hint = "Run `safehold serve` to bring an older catalog up to date, or the newer release that made it."

    def __init__(self, found: str | None, wanted: str) -> None:
        self.found = found
        self.wanted = wanted
        super().__init__(f"the catalog is at version {found or 'none'}, this program works with {wanted}")


class NetworkFileSystem(ConfigError):
    hint = "Put the data folder on a local disk, or keep the catalog and the jobs in PostgreSQL."


class RootKeyError(ConfigError):
    hint = "Put back the root key that this data folder was made with; without it no vault opens."


class KitError(ConfigError):
    hint = "Compare what it names with the printed page, and type it again."


class CatalogUnavailable(SafeholdError):
    """The transaction did not happen; the same one, made again, has a chance.

    detail  what the database or its driver said: hosts, users, statements; for the log and for whoever runs
            this program, never for those who ask it something
    """

    retry = Retry.LATER

    def __init__(self, message: str, *, detail: str = "") -> None:
        self.detail = detail
        super().__init__(message)


class SourceError(SafeholdError):
    retry = Retry.LATER


class SourceMissing(SourceError):
    pass


class SourceDenied(SourceError):
    retry = Retry.NEVER


class StoreError(SafeholdError):
    retry = Retry.LATER


class StoreFull(StoreError):
    hint = "Make room where the vault lives; the job can then be started again and loses nothing."


class StoreUnavailable(StoreError):
    pass


class StoreDenied(StoreUnavailable):
    hint = (
        "Give the keys of an identity that may read, write, list and delete there "
        "(for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or any other way that AWS clients know)."
    )


class NotRetrieved(StoreUnavailable):
    hint = "Restore it by a restore job: that asks the archive for what it needs and waits for it."


class ObjectLocked(StoreError):
    retry = Retry.NEVER
    hint = "Wait until its retention has ended, or take its legal hold off."


class ObjectExists(StoreError):
    retry = Retry.NEVER


class ObjectMissing(StoreError):
    retry = Retry.NEVER
    hint = "Run `safehold verify` on this vault to learn what is affected."


class Damaged(StoreError):
    """Bytes came back that do not authenticate or do not fit the format. Reading again will not help."""

    retry = Retry.NEVER
    hint = "Run `safehold verify` on this vault to learn what is affected, then restore from a copy."


class PointDamaged(Damaged):
    """items: path -> why, of those that cannot be read; there may be more."""

    hint = (
        "Back the resource up once more and copy the new point, or heal the source with "
        "`safehold store heal`; `safehold verify` on it tells all that is affected."
    )

    def __init__(self, point_id: str, items: Mapping[bytes, str]) -> None:
        self.point_id = point_id
        self.items = items
        told = [
            f"{path.decode(errors='backslashreplace') or '(all of it)'}: {why}" for path, why in items.items()
        ]
        more = f"; and {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
        super().__init__(
            f"point {point_id} cannot be copied, items of it are lost: {'; '.join(told[:MAX_TOLD])}{more}"
        )


class KeyMismatch(StoreError):
    retry = Retry.NEVER
    hint = "Put back the root key that this vault was made with."


class KeysUnavailable(StoreError):
    """Nothing is lost: the keys are wrapped as they were, and open once the service answers again."""

    hint = "See that what `keys_url` names runs and lets this installation use its key; then try again."


class WriterRevoked(StoreError):
    hint = "Start the job again; what this attempt stored is used once more or collected."


class WritersAtWork(StoreError):
    hint = (
        "Wait until its jobs have ended: a worker lets go five minutes after its last, or when it stops. "
        "If those writers are dead, say so with --confirm."
    )


class CollectionRefused(StoreError):
    """Nothing was deleted. What is wrong is found out first."""

    retry = Retry.NEVER
    hint = "Run `safehold verify` on this vault, and look at `safehold store journal` for what was done last."


class RestoreError(SafeholdError):
    pass


class EventNotDelivered(SafeholdError):
    retry = Retry.LATER
    hint = "See that the URL in `safehold.toml` answers; `safehold events --retry-dead` sends again."


class JobAborted(SafeholdError):
    """The job was told to stop; nothing of it becomes visible."""


class JobExpired(JobAborted):
    """The job was not done when its completion window ended; it stops as one that was aborted does."""
