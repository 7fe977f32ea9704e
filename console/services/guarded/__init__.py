"""Guarded operations: the pipeline, named leases, idempotency keys and request ids."""
