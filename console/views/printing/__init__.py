"""Printing of lists, records and PDFs."""
