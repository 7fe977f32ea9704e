"""Desk requests, by which a person's desk lets a worker execute an action."""
