"""Settings of a desk: environment variables, profile file, secrets."""
