"""Reads and writes of alerts, cases, the steps of incidents and the outbox."""
