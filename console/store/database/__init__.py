"""Connections, transactions, clocks, errors and the change feed of the database."""
