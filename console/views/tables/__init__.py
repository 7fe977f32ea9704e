"""Tables of any length: definitions of columns, rows that are read page by page, and painting of cells."""
