"""Reads figures about recent activity, for metrics."""
