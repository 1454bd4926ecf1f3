"""Turn one kind of resource into items and back. A connector never sees chunks, keys, vaults or catalog."""
