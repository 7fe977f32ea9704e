"""Stored documents (PDF and CSV files), and the rendering of PDF pages."""
