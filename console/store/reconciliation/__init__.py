"""Reads and writes of reconciliation runs and their differences."""
