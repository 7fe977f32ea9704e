"""The lookup page of the window, which shows all records of a corporation number, or the records that a search has
found."""
