"""Tables of any length: columns as values, rows read page by page, cells painted from the look."""
