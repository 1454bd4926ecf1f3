"""A capture becomes a recovery point: items read, bytes stored, trees built, the record written last."""
