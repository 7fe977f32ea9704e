"""Desk requests: a person's desk stores a request with a command in the database; a worker runs the command in the
person's name and stores its answer."""
