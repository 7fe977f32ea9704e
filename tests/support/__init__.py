"""Helper code that several packages of tests use."""
