"""Guarded operations (calls that cost or move money, and re-fetches): the pipeline, named leases, idempotency keys
and request ids."""
