"""Annotations of records: notes, mentions of people in notes, takes and hand-overs."""
