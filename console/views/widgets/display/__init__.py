"""Widgets that only show something: badges, ids, amounts, steps, parts of a record, and the text of an empty list."""
