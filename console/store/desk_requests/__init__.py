"""Requests by which desks ask a worker to act."""
