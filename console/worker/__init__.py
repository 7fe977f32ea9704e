"""The worker: due tasks and the receiver, without a window."""
