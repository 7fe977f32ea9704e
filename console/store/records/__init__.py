"""Statements that work on all kinds of records: takes, notes, mentions, evidence, history and searches."""
