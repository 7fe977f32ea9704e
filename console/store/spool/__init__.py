"""The spool: a desk's local file of its operations, and of answers that the database doesn't have yet."""
