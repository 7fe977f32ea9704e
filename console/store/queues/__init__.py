"""Queries of the queues."""
