"""At time t: what is due becomes jobs. Only writes records."""
