"""The only SQL. SQLAlchemy Core on SQLite and PostgreSQL; one table family a file."""
