"""Bulk runs: one action on a fixed list of records, executed row by row."""
