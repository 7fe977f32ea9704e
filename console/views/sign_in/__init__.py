"""Sign-in, the lock of a window without input, and the privacy cover that hides the window's contents during both."""
