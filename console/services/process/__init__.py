"""State of one process: service context, counters, failpoints."""
