"""Payments: start, reports, probes, decisions, timeouts, changes of their orders, and views."""
