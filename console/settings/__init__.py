"""The settings of a desk, read from environment variables, a profile file and the keyring of the operating system;
and the private files of a desk."""
