"""The simulated AlarmBox, a provider of credit checks."""
