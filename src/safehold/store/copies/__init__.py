"""Points copied into another vault, under its keys and its names."""
