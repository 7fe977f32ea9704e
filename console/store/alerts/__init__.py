"""Reads and writes of alerts, cases and the outbox."""
