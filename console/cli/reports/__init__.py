"""The command `reports figures`, with its JSON and its text."""
