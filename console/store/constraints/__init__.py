"""Constraints that the database itself enforces by triggers, and checks that they are in place."""
