"""Persistence: everything that the console stores in its database, in the spool of a desk, and in the folder or
bucket of documents."""
