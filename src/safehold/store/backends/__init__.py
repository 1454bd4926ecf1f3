"""Where a store keeps its objects: one contract, several places."""
