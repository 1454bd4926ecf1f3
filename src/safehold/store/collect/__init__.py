"""Taking away what no point needs any more, beside running writers. See docs/formats/collection.md."""
