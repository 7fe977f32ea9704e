"""Adoption of tables that another application created."""
