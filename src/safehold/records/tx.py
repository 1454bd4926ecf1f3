"""A transaction on the catalog: what every function of this room takes first."""

from __future__ import annotations

from sqlalchemy import Connection

Tx = Connection
