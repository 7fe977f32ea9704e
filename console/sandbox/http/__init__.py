"""HTTP of the sandbox: listener, connections, messages."""
