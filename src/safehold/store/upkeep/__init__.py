"""A vault put right again: read back in turn, healed from another vault, its index made anew."""
