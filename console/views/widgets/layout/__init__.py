"""Layouts and areas that place other widgets: rows that wrap, areas that scroll, and a stack of pages."""
