"""The AWS wire protocol, driven by the published service models."""
