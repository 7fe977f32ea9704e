"""Operators, their database accounts and the rights of these accounts."""
