"""Roles and rights of people, and the read-only switch."""
