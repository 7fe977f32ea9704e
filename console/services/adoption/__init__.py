"""Adoption of another application's table of credit checks."""
