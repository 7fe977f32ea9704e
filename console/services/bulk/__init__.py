"""Bulk runs: freezing of records, dry run, execution, views."""
