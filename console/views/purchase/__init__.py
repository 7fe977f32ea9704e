"""Dialogs of purchase and re-fetch."""
