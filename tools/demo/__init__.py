"""`make demo`: a real tree is backed up on schedule, lost, restored and locked, through the API."""
