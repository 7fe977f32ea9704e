"""The page of the queues."""
