"""Adoption: take over a table of credit checks that another application has created and filled."""
