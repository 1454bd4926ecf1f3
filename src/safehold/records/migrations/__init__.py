"""The catalog's history: one line of revisions for SQLite and PostgreSQL, run by records/schema.py."""
