"""Widgets that all pages use. They get plain values and texts from the page, and call no service."""
