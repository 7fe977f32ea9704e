"""Texts that people write: reasons, notes and evidence."""

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that are drawn as empty space: the fillers of Hangul and the empty pattern of Braille."""


def is_blank(text: str) -> bool:
    """Return True if the text has no visible character: it is empty, or has only white space (also the wide space of
    Japanese keyboards, U+3000) and invisible characters, such as U+200B.
    """
    return not any(map(_is_visible, text))


def strip_invisible_characters(text: str) -> str:
    """Return the text without white space and invisible characters at both ends; "" for a blank text."""
    visible_positions = [position for position, character in enumerate(text) if _is_visible(character)]
    return text[visible_positions[0] : visible_positions[-1] + 1] if visible_positions else ""


def _is_visible(character: str) -> bool:
    return character.isprintable() and not character.isspace() and character not in _BLANK_LETTERS
