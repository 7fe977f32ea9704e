"""Values of the queues: filters, sort orders and saved views of their lists, and the causes and disagreements of
their records."""
