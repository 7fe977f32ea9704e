"""Connections, transactions, clocks and errors of the database."""
