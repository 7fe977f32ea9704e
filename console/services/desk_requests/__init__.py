"""Desk requests: a person's desk asks a worker to act; the worker acts in the person's name and stores the answer."""
