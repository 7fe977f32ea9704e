"""The sign-in to a database server, the lock of a window without input, and the cover that hides the contents of
the window during both."""
