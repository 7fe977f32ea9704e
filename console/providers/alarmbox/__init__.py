"""The adapter of AlarmBox, the provider of credit checks."""
