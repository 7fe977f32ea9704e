"""Appearance of the window: design tokens (colours, sizes, badges), theme, fonts, icon shapes and painting
helpers.
"""
