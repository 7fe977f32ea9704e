"""Reads and writes of the table of credit checks."""
