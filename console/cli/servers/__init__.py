"""Commands that run until they are stopped: `sandbox`, `worker`, `demo` and `training`."""
