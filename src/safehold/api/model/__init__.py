"""The published service models, as data, with their provenance."""
