"""Index fragments as they are stored: rows of chunk ids and places, sorted, with a filter before them."""
