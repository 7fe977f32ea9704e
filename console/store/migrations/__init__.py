"""Migrations of the schema and their upgrade."""
