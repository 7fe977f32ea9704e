"""Values of the queues: the filter of a list of records."""
