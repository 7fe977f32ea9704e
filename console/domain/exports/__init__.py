"""Types of exported lists and documents: columns, cells and file formats."""
