"""The simulated AlarmBox."""
