"""Tests that nothing which a window shows is cut off: on every screen, in both languages, at every text size."""
