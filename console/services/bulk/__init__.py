"""Bulk runs: one action on a fixed list of records. Creation, dry run, execution and views."""
