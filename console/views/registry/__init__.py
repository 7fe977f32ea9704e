"""Widgets that show companies of the corporation registry."""
