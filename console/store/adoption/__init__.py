"""Adoption of the table of credit checks that another application created: the console takes the table over and uses
it."""
