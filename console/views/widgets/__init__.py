"""Widgets that all pages use. They are given plain values and texts, and call no service."""
