"""Notifications: toasts in the window and desktop messages about events that concern the acting person."""
