"""Dialogs of refund requests and decisions."""
