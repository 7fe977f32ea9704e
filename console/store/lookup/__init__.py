"""Finds records of all kinds for a search: by identifiers, by corporation numbers, and by conditions."""
