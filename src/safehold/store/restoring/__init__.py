"""What is in a vault, read back: chunks through the index, points planned by frame."""
