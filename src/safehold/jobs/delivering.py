"""Files put into somebody's bucket: what was searched for, exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safehold.core.errors import StoreUnavailable
from safehold.store.backends.s3_connection import S3Place, connect, converted

HINT = "See that the bucket is there, and that `delivery_endpoint` names the store that holds it."


@dataclass(frozen=True, slots=True)
class Delivery:
    """endpoint  of the object store; None: AWS's own. region: of the bucket

    Keys for it come from where every AWS client finds them: environment, profile, the machine's role.
    """

    endpoint: str | None
    region: str

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        """The object is there, over whatever had that key. Raises StoreUnavailable, StoreFull."""
        addressing = "auto" if self.endpoint is None else "path"
        place = S3Place(bucket, "", self.endpoint, self.region, addressing)
        try:
            with converted(f"writing {key}", place), path.open("rb") as file:
                connect(place).put_object(Bucket=bucket, Key=key, Body=file)
        except StoreUnavailable as error:
            error.hint = error.hint if type(error) is not StoreUnavailable else HINT
            raise
