"""Reads the figures of the reports in SQL, one module per picture. Each query reads a limited number of rows."""
