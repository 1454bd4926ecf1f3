"""Bytes to chunks, frames, packs and back. Could be a library of its own. The face is vault_store.py."""
