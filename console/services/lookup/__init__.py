"""The search for records."""
