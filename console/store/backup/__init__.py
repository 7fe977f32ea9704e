"""Backups of a database with its documents and the spool of a desk."""
