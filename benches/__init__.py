"""Comparisons with peers: `make bench`. Run by hand, never in a test."""
