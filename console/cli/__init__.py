"""The terminal: commands, their arguments, and their output as text or JSON."""
