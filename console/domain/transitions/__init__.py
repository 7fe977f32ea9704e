"""Transition tables of all records."""
