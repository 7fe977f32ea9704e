"""Values of a search: the typed text, and its result."""
