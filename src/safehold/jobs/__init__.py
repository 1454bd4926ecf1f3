"""The worker: the only room that sees backed-up bytes."""
