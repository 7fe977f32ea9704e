"""Build the answers of commands as JSON objects. Other programs depend on the names and types of the fields."""
