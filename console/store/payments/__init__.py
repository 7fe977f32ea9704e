"""Reads and writes of the tables of payments, orders, notices, accounts and limits."""
