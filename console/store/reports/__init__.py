"""Reads the figures of the reports by SQL, one module for each report. Each query reads a limited number of rows."""
