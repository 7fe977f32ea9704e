"""Notes and assignments of records."""
