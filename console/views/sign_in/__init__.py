"""The sign-in to a database server, the lock of a window after a time without input, and the cover that hides the
contents of the window meanwhile."""
