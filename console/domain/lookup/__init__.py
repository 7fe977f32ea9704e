"""Texts that people type, read by fixed rules: searches, registry queries and corporation numbers; and the
results of a search.
"""
