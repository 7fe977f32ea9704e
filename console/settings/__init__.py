"""Settings of a desk, from environment variables, a profile file and the keyring."""
