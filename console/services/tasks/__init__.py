"""Due tasks (work on records that runs without a person at a stored time), their scheduler, and sagas."""
