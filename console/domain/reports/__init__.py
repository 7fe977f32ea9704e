"""Values of the reports, one module per picture."""
