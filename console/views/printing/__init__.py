"""Printing of lists, records and stored PDFs."""
