"""Widgets that show corporations of the registry."""
