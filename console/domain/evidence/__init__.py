"""Events of a record in the order of time."""
