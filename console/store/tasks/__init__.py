"""Reads and writes of scheduled tasks, sagas and bulk runs."""
