"""HTTP of the sandbox: the listening port, connections and messages."""
