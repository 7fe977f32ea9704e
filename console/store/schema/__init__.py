"""Definitions of the console's tables."""
