"""Table of credit checks."""
