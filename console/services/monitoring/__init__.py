"""Health checks, metrics and the live feed of changed records."""
