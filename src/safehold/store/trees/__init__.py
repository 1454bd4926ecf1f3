"""Items, content lists and item trees: read, compared and searched without restoring anything."""
