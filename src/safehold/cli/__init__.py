"""Builds the objects and starts one process."""
