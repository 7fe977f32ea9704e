"""Queries for the events of which a person is notified."""
