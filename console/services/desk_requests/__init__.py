"""Desk requests: a desk asks, a worker acts and answers."""
