"""Rules of Japanese text: the places of spaces between Japanese and Latin letters."""

import re

JAPANESE_LETTERS = "ぁ-ゖァ-ヺー々一-龥"
LATIN_LETTERS = "A-Za-z0-9¥₹%"

_NEEDS_SPACE = re.compile(rf"[{LATIN_LETTERS}][{JAPANESE_LETTERS}]|[{JAPANESE_LETTERS}][{LATIN_LETTERS}]")
_SPACE_BEFORE_JAPANESE = re.compile(rf" (?=[{JAPANESE_LETTERS}])")
_ENDS_JAPANESE = re.compile(rf"[{JAPANESE_LETTERS}]$")


def join_around_fact(before: str, after: str) -> str:
    """Join two pieces of a Japanese sentence, one of which is a fact, so that the rule about spaces holds: one space
    between a Japanese and a Latin letter, none between two Japanese letters. Whether the fact is Latin or Japanese is
    known only when the sentence is built, such as the missing parts 会社名 or PDF.
    """
    if _NEEDS_SPACE.fullmatch(before[-1:] + after[:1]):
        return f"{before} {after}"
    if _ENDS_JAPANESE.search(before) and _SPACE_BEFORE_JAPANESE.match(after):
        return before + after[1:]
    return before + after
