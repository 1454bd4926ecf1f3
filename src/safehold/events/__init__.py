"""Tells webhooks and queues what happened. Reads and writes records only; never blocks an answer."""
