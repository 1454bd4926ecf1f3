"""One kind of job a file."""
