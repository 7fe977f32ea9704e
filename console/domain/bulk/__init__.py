"""Values of bulk runs."""
