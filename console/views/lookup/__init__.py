"""The lookup page: all records of a corporation number."""
