"""The worker: the only room that sees backed-up bytes, and the only one that knows the job engine.

Nothing is imported here: the engine's library costs 2.5 s, and only a worker that launches it pays.
"""
