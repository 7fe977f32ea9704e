"""Transition tables: the allowed state changes of all kinds of records."""
