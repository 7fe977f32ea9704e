"""Reads for the figures of recent activity."""
