"""Who wraps a vault's keys: one file each, all of one contract, chosen by `keys_url`."""
