"""The corporation registry: one SQLite file, made of the publisher's files, apart from the records."""
