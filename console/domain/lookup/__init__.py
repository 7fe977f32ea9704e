"""What people search for: the typed text of a search, and its completion."""
