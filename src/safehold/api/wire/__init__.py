"""A request as a flat list of steps: route, parse, validate, authenticate, serialize."""
