"""Constraints that the database itself enforces."""
