"""Build the answers of commands as text."""
