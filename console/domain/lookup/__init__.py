"""What people type, read by fixed rules: searches, registry queries, corporation numbers; and what a search finds."""
