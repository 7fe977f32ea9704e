"""Network addresses and URLs, and which of them may be called."""
