"""Points whose data lies in cold storage: moved there, and asked back for a restore."""
