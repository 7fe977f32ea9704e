"""Reads and writes of the tables of operations, leases, idempotency keys and request ids."""
