"""Annotations of records: notes, mentions of people in them, takes and hand-overs."""
