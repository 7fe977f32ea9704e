"""Alerts: the rules that raise and resolve them, their list, incidents and unmatched notices, and the outbox."""
