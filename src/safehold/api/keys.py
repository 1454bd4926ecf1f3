"""The catalog's access keys, as the wire asks for them."""

from __future__ import annotations

from datetime import datetime

from safehold.api.call import Principal
from safehold.api.wire.authenticate import FindKey, KeyRecord
from safehold.records.access_keys import KeyLookup


def keys_of(lookup: KeyLookup) -> FindKey:
    """Finds keys in the catalog; each request asks anew, so that a key withdrawn is refused at once."""

    def find(key_id: str, now: datetime) -> KeyRecord | None:
        key = lookup.find(key_id, now=now)
        if key is None:
            return None
        principal = Principal(account_id=key.account_id, arn=key.principal_arn, user_id=key.caller_id)
        return KeyRecord(key.secret, principal, key.session_token, key.expires_at)

    return find
