"""The files connector: a file tree with everything that a file system holds."""
