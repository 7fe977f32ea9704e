"""Statements that work on all kinds of records: takes, notes, evidence, history and searches."""
