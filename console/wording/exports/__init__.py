"""Columns, titles and tables of exported lists, with the same words as on the screens."""
