"""Puts the API together out of a catalog and an installation's root key."""

from __future__ import annotations

from safehold.api.call import ApiConfig, handlers
from safehold.api.keys import keys_of
from safehold.api.native import endpoints
from safehold.api.wire.app import App
from safehold.api.wire.gateway import Gateway
from safehold.core.clock import Clock, SystemClock
from safehold.core.secrets import RootKey
from safehold.domain.quotas import AWS_QUOTAS, Quotas
from safehold.records import searches
from safehold.records.access_keys import KeyLookup, box
from safehold.records.engine import Catalog


def api_config(root_key: RootKey, *, aws_limits: str, quotas: Quotas = AWS_QUOTAS) -> ApiConfig:
    """What every process of the installation has in common; page tokens of one are good at another."""
    return ApiConfig(
        page_key=root_key.derive("page-tokens"),
        aws_limits=aws_limits,
        quotas=quotas,
        key_box=box(root_key),
        results=searches.box(root_key),
    )


def api_app(
    catalog: Catalog,
    root_key: RootKey,
    *,
    aws_limits: str,
    quotas: Quotas = AWS_QUOTAS,
    clock: Clock | None = None,
) -> App:
    """The whole API, for `server.serve`. The catalog stays the caller's.

    Handlers and routes are loaded now, not with the first request.
    """
    handlers()
    endpoints()
    config = api_config(root_key, aws_limits=aws_limits, quotas=quotas)
    lookup = KeyLookup(catalog, root_key)
    gateway = Gateway(
        catalog, config, find_key=keys_of(lookup), note_use=lookup.note_use, clock=clock or SystemClock()
    )
    return App(gateway)
