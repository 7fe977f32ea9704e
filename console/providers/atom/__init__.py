"""The adapter of Atom: payments over encrypted requests."""
