"""The AlarmBox adapter: credit checks."""
