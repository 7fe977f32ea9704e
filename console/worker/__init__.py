"""The worker process: due tasks and the receiver of notices, without a window."""
