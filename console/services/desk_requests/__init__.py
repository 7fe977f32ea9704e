"""Desk requests: a person's desk stores a request in the database, and a worker runs its command in the person's
name and stores the answer."""
