"""Is everything there, and is it what was written? Answers, and changes nothing but its own notes."""
