"""What has, or once had, tags: by account and site, in the order in which the tagging API lists it."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from safehold.records.tables import metadata

tagged = Table(
    "tagged",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("arn", String(2048), primary_key=True, index=True),
)
