"""Migrations of the database schema, and the upgrade that runs them."""
