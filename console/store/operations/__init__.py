"""Reads and writes of operations, leases, idempotency keys, request ids and provider tokens."""
