"""Dialogs of bulk runs."""
