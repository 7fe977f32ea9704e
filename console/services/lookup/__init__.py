"""The searches for companies, records and operations by a text that a person types."""
