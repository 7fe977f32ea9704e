"""The worker process: runs due tasks and desk requests, and receives the notices of providers. It has no window."""
