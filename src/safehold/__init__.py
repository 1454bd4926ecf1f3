"""Safehold: an open, self-hosted AWS Backup that moves real bytes."""

__version__ = "0.1.0"
