"""Widgets that several pages use. The page passes them plain values and texts; a widget calls no service."""
