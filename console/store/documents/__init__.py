"""Stored PDF documents and their rendering."""
