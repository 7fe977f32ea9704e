"""Roles and rights of people."""
