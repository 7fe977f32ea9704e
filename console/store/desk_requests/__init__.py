"""Desk requests: rows by which a person's desk asks a worker to execute an action."""
