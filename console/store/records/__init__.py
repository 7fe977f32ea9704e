"""Statements across all kinds of records."""
