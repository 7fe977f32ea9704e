"""The corporation registry: a SQLite file of its own, made from the publisher's files and without our records."""
