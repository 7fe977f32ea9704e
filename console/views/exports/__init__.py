"""The export of a list to a file, from any page."""
