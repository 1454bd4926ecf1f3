"""Point records and checkpoints, where a point came from, and how long its objects are kept."""
