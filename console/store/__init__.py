"""Persistence: everything that the console stores in its database, in a desk's spool and in the folder or bucket of
documents.
"""
