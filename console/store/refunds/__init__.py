"""Reads and writes of the tables of refunds and approvals."""
