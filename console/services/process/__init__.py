"""State and tools of one process: service context, counters, heartbeat, failpoints, typed passwords."""
