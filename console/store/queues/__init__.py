"""Queries of the queues: the lists of records that wait for the same step."""
