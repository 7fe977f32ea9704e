"""Convert values of the services to texts, table columns and badges."""
