"""Commands about records that wait in queues: `queue`, `probe` and `resolve`."""
