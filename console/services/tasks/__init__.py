"""Due tasks, sagas and their scheduler."""
