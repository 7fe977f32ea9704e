"""Values of the queues: the filters, sort orders and saved views of their lists. Also the cause for which a record
waits, and the differences between its compared sides."""
