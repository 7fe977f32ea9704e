"""Values and rules of due tasks and sagas."""
