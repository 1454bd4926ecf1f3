"""Knows nothing of backup: clock, ids, errors, configuration, secrets, logs, pages."""
