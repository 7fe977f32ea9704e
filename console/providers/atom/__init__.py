"""The Atom adapter: payments over encrypted requests."""
