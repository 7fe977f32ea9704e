"""Rules of Japanese text: the places between Japanese and Latin letters at which the text has a space."""

import re

JAPANESE_LETTER_RANGES = "ぁ-ゖァ-ヺー々一-龥"
LATIN_LETTER_RANGES = "A-Za-z0-9¥₹%"
SENTENCE_ENDS = ("。", "！", "？")
_MARKS_WITHOUT_FULL_STOP = ("、", "）", "」")

_JAPANESE_NEXT_TO_LATIN_PATTERN = re.compile(
    rf"[{LATIN_LETTER_RANGES}][{JAPANESE_LETTER_RANGES}]|[{JAPANESE_LETTER_RANGES}][{LATIN_LETTER_RANGES}]"
)
_SPACE_AFTER_PARTICLE_PATTERN = re.compile(rf"(?<=[{JAPANESE_LETTER_RANGES}][はがをにでのとも]) $")
_JAPANESE_LETTER_AT_START_PATTERN = re.compile(rf"[{JAPANESE_LETTER_RANGES}]")
_SPACE_BEFORE_JAPANESE_PATTERN = re.compile(rf" (?=[{JAPANESE_LETTER_RANGES}])")
_JAPANESE_LETTER_AT_END_PATTERN = re.compile(rf"[{JAPANESE_LETTER_RANGES}]$")


def join_around_fact(text_before: str, text_after: str) -> str:
    """Return two pieces of a Japanese sentence joined. There is one space between a Japanese and a Latin letter, no
    space between two Japanese letters, and no space after the end of a sentence. A full stop at the end of a fact,
    for example of a reason that a person has typed, is left out before a comma and before a closing bracket.

    One of the pieces is a fact (the value of a placeholder). This function is called when the sentence is built,
    because the fact, and with it its first and last letter, is not known earlier: 会社名 ends with a Japanese letter,
    PDF with a Latin letter.
    """
    if text_before.endswith(SENTENCE_ENDS) and text_after.startswith(" "):
        return text_before + text_after[1:]
    if text_before.endswith("。") and text_after.startswith(_MARKS_WITHOUT_FULL_STOP):
        return text_before[:-1] + text_after
    if _JAPANESE_NEXT_TO_LATIN_PATTERN.fullmatch(text_before[-1:] + text_after[:1]):
        return f"{text_before} {text_after}"
    if _JAPANESE_LETTER_AT_END_PATTERN.search(text_before) and _SPACE_BEFORE_JAPANESE_PATTERN.match(text_after):
        return text_before + text_after[1:]
    if _JAPANESE_LETTER_AT_START_PATTERN.match(text_after):
        # The space belongs to a Latin fact after a particle. After a noun it separates a label from its value.
        return _SPACE_AFTER_PARTICLE_PATTERN.sub("", text_before) + text_after
    return text_before + text_after
