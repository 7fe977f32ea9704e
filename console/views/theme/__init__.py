"""Appearance of the window: design tokens (colours, sizes, badges), theme, fonts, icons and painting helpers."""
