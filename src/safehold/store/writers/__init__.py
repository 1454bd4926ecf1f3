"""Who is at work in a vault: writers announce themselves, collection tells what it takes away."""
