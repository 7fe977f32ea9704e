"""Appearance of the window: design tokens, theme, fonts, shapes and painting helpers."""
