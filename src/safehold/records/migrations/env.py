"""What Alembic runs: the revisions, on the connection and in the transaction that records/schema.py holds."""

from __future__ import annotations

from alembic import context

from safehold.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Both databases make and drop tables inside a transaction: a revision is there whole or not at all.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
