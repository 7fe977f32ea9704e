"""Commands that run until they are stopped: `sandbox`, `worker` and `demo`."""
