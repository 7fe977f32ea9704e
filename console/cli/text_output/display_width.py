"""The width of texts in a terminal."""

import unicodedata


def measure_display_width(text: str) -> int:
    """Return the number of columns that a text takes in a terminal. A wide East Asian character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
