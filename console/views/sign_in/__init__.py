"""Sign-in, the lock after a time without input, and the privacy cover that hides the window during both."""
