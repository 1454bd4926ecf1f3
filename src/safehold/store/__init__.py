"""Bytes to chunks, frames, packs and back. Could be a library of its own."""
