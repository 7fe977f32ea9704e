"""Timelines of records and calls: the values of a line, groups of repeated lines, and the list widget that shows the
lines."""
