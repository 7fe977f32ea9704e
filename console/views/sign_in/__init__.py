"""Coming in and stepping away: signing in, the lock, and the cover that hides everything meanwhile."""
