"""One function an operation, a family a file."""
