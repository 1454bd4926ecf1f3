"""Which service a request was signed for: AWS Backup and its search share a protocol, and some paths.

It only says where to look; whether the signature holds is found out later.
"""

from __future__ import annotations

import re

from safehold.api.model.load import service
from safehold.api.wire.http import HttpRequest

_CREDENTIAL = re.compile(r"Credential=[^/,\s]*/[^/,\s]*/[^/,\s]*/([^/,\s]*)/aws4_request")
BACKUP, SEARCH = "backup", "backupsearch"


def service_of(request: HttpRequest) -> str:
    """`backupsearch` for a request that was signed for it, else `backup`."""
    return SEARCH if _signing_name(request) == service(SEARCH).signing_name else BACKUP


def _signing_name(request: HttpRequest) -> str | None:
    header = request.headers.get("authorization")
    if header is not None:
        found = _CREDENTIAL.search(header)
        return found[1] if found else None
    credential = dict(request.query).get("X-Amz-Credential", "")
    parts = credential.split("/")
    return parts[3] if len(parts) == 5 else None
