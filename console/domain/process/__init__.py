"""The running process and its work: correlation id, signals and other requests to end the process, log events and
failpoints."""
