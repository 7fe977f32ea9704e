"""Tables of tasks, sagas and bulk runs."""
