"""The terminal interface: the commands, their arguments, and their answers as text or JSON."""
