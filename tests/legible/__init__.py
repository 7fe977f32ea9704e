"""Tests that the window shows no text or control cut off, on every page, in both languages and at every text size."""
