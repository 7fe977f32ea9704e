"""The export of a list to a file, which pages and dialogs of the window offer."""
