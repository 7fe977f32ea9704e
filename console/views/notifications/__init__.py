"""Notifications: toasts of the window and messages of the desktop about events that concern the acting person."""
