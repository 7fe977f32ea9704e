"""Annotations of records: the mentions of people in the notes about records."""
