"""Events that a person is notified of."""
