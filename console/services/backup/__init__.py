"""Backups: make, check and restore."""
