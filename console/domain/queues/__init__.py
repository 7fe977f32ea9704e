"""Values of the queues: filters, sort orders and saved views of their lists; for each record the cause for which it
waits, and the mismatches between its sides."""
