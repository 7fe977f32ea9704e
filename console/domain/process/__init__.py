"""The running process and its work: correlation id, requests to end, log events and failpoints."""
