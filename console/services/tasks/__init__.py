"""Due tasks, their scheduler, and sagas."""
