"""Rules of Japanese text: the places between Japanese and Latin letters at which the text has a space."""

JAPANESE_LETTER_RANGES = "ぁ-ゖァ-ヺー々一-龥"
SENTENCE_ENDS = ("。", "！", "？")
_MARKS_WITHOUT_FULL_STOP = ("、", "）", "」")
_CLOSING_BRACKETS = ("）", "」")

_PARTICLES = ("は", "が", "を", "に", "で", "の", "と", "も")


def is_japanese_letter(character: str) -> bool:
    """Return True for a Japanese letter, which is one of JAPANESE_LETTER_RANGES; False for an empty text. The
    function uses no regular expression, because to compile one with these ranges takes about 1 ms of each start."""
    return (
        "ぁ" <= character <= "ゖ"
        or "ァ" <= character <= "ヺ"
        or "一" <= character <= "龥"
        or character in ("ー", "々")
    )


def is_latin_letter(character: str) -> bool:
    """Return True for an ASCII letter or digit, and for a sign of an amount (¥, ₹, %); False for an empty text."""
    return (character.isascii() and character.isalnum()) or character in ("¥", "₹", "%")


def join_around_fact(text_before: str, text_after: str) -> str:
    """Return two pieces of a Japanese sentence joined. There is one space between a Japanese and a Latin letter, no
    space between two Japanese letters, none between a closing bracket and a Japanese letter, and none after the end
    of a sentence. A full stop at the end of a fact, for example of a reason that a person has typed, is left out
    before a comma and before a closing bracket.

    One of the pieces is a fact (the value of a placeholder). This function is called when the sentence is built,
    because the fact, and with it its first and last letter, is not known earlier: 会社名 ends with a Japanese letter,
    PDF with a Latin letter.
    """
    if text_before.endswith(SENTENCE_ENDS) and text_after.startswith(" "):
        return text_before + text_after[1:]
    if text_before.endswith("。") and text_after.startswith(_MARKS_WITHOUT_FULL_STOP):
        return text_before[:-1] + text_after
    letter_before, letter_after = text_before[-1:], text_after[:1]
    if letter_before in _CLOSING_BRACKETS and letter_after == " " and is_japanese_letter(text_after[1:2]):
        return text_before + text_after[1:]
    if is_japanese_letter(letter_before):
        if is_latin_letter(letter_after):
            return f"{text_before} {text_after}"
        if letter_after == " " and is_japanese_letter(text_after[1:2]):
            return text_before + text_after[1:]
    elif is_japanese_letter(letter_after):
        if is_latin_letter(letter_before):
            return f"{text_before} {text_after}"
        # The space belongs to a Latin fact after a particle. After a noun it separates a label from its value.
        label = text_before.removesuffix(" ")
        if label.endswith(_PARTICLES) and is_japanese_letter(label[-2:-1]):
            return label + text_after
    return text_before + text_after
