"""Requests by which a person's desk asks a worker to act."""
