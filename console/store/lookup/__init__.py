"""Searches over all kinds of records: by identifiers, by corporation numbers, and by conditions."""
