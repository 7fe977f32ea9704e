"""The spool: a local file of unfinished operations."""
