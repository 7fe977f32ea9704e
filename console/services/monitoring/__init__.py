"""Health checks, metrics and the live feed."""
