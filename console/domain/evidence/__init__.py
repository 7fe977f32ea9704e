"""Timelines: the events of a record, sorted by time."""
