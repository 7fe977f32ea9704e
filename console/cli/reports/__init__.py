"""The commands `reports figures` and `reports close`, and their answers as JSON and as text."""
