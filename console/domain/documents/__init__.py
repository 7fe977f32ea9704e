"""Pages of documents for display."""
