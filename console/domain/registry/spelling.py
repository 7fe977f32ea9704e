"""One comparison form for all spellings that people use for the same company name or address.

`fold_text` works character by character: it unites full and half width, upper and lower case, hiragana and katakana,
large and small kana, accented and plain Latin letters, old and new kanji (`kanji_forms`), and removes spaces,
punctuation, symbols and long vowel marks. The form of a character doesn't depend on its neighbours, so the comparison
form of a part of a text is always a part of the comparison form of the text.

Readings that depend on the neighbours of a character are second readings (`list_comparison_forms`): ケ between kanji
as in 霞ケ関 is also read ガ, ヴァ as バ, 々 as the kanji before it. Legal forms (株式会社, (株), カ) and others) are
in the module `legal_forms`.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from console.domain.registry.kanji_forms import COMPARISON_FORM_BY_KANJI

_LONG_VOWEL_MARKS = frozenset("ー－‐-‑‒–—―−─━~〜～")
_SMALL_KANA = "ァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
_LARGE_KANA = "アイウエオツヤユヨワカケクシストヌハヒフヘホムラリルレロ"
_KANA_FOLDING = str.maketrans(f"{_SMALL_KANA}ヴヂヅヰヱヲヷヸヹヺ", f"{_LARGE_KANA}ブジズイエオバビベボ")
_HIRAGANA_TO_KATAKANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_VOICING_MARKS = frozenset("\uff9e\uff9f\u3099\u309a\u309b\u309c")
_SPACING_VOICING_MARKS = {0x309B: 0x3099, 0x309C: 0x309A}


class _FoldingTable(dict[int, str]):
    """Translation table for `str.translate` that maps a character to its comparison form. An entry is computed
    when its character first occurs."""

    def __missing__(self, code: int) -> str:
        composed_characters = unicodedata.normalize("NFKC", chr(code))
        folded_text = self[code] = "".join(map(_fold_character, composed_characters))
        return folded_text


def _fold_character(character: str) -> str:
    if character in _LONG_VOWEL_MARKS or unicodedata.category(character)[0] not in "LN":
        return ""
    decomposed_character = unicodedata.normalize("NFKD", character.lower())
    if "LATIN" in unicodedata.name(decomposed_character[0], ""):
        return "".join(plain_character for plain_character in decomposed_character if plain_character.isalnum())
    return (
        character.lower()
        .translate(_HIRAGANA_TO_KATAKANA)
        .translate(_KANA_FOLDING)
        .translate(COMPARISON_FORM_BY_KANJI)
    )


_CHARACTER_FOLDING = _FoldingTable()


def fold_text(text: str) -> str:
    """Return the comparison form of `text`: letters and digits only. Each character is converted independently of
    its neighbours.
    """
    return join_voicing_marks(text).translate(_CHARACTER_FOLDING)


def join_voicing_marks(text: str) -> str:
    """Return the text with each voicing mark that is a character of its own (カ゛, ｶﾞ) joined to the kana before it,
    in NFKC; unchanged if it has none."""
    if _VOICING_MARKS.isdisjoint(text):
        return text
    return unicodedata.normalize("NFKC", text.translate(_SPACING_VOICING_MARKS))


class _LineFoldingTable(dict[int, str]):
    """Translation table for `str.translate` that maps a character to its comparison form and keeps line breaks, so
    that many texts can be translated as lines of one text."""

    def __missing__(self, code: int) -> str:
        folded_text = self[code] = "\n" if code == ord("\n") else _CHARACTER_FOLDING[code]
        return folded_text


_LINE_FOLDING = _LineFoldingTable()


# Other characters than katakana, and the edge of a text, because a part of a name may have been cut beside a kanji.
_KA_BETWEEN_KANJI_PATTERN = re.compile(r"(?<![ァ-ヺー])[ヶケヵカ](?![ァ-ヺー])")
_VU_SYLLABLES = {"ヴァ": "バ", "ヴィ": "ビ", "ヴェ": "ベ", "ヴォ": "ボ"}
_VU_SYLLABLE_PATTERN = re.compile("|".join(_VU_SYLLABLES))
_ITERATION_MARK_PATTERN = re.compile(r"(.)([々ヽヾ])")
_CONTEXT_DEPENDENT_CHARACTERS = frozenset("ヶケヵカヴゔ々ゝゞヽヾけ")
"""Characters whose reading can depend on their neighbours."""
# カ and ケ are in most readings, between other kana.
_KANA_RANGES = "ァ-ヺーぁ-ゖｦ-ﾝ"
_SECOND_READING_PATTERN = re.compile(
    rf"[ヴゔ々ゝゞヽヾ]|(?<![{_KANA_RANGES}])[ヶケヵカけかゕゖｶｹ㋕㋘](?![{_KANA_RANGES}])"
)


def list_comparison_forms(text: str) -> tuple[str, ...]:
    """Return the comparison form of the text (see `fold_text`) and, if the reading of a character depends on its
    neighbours, the comparison form of the second reading.
    """
    folded_text = fold_text(text)
    if not may_have_second_reading(text) or _SECOND_READING_PATTERN.search(text) is None:
        return (folded_text,)
    second = _make_second_reading(text)
    return (folded_text,) if second == folded_text else (folded_text, second)


class ComparisonForms(NamedTuple):
    """The comparison forms of several texts: `folded_texts` has the form of each text (`fold_text`),
    `second_readings` those of the few texts with a second reading, by the position of the text."""

    folded_texts: Sequence[str]
    second_readings: Mapping[int, str]


def fold_all_texts(texts: Sequence[str]) -> ComparisonForms:
    """Return the forms by which the search compares these texts (see `list_comparison_forms`). This is faster than a
    separate call for each text, because all texts are translated and searched together."""
    lines = "\n".join(texts)
    if any(mark in lines for mark in _VOICING_MARKS) or lines.count("\n") >= len(texts):
        forms = [list_comparison_forms(text) for text in texts]
        second_readings = {index: readings[1] for index, readings in enumerate(forms) if len(readings) > 1}
        return ComparisonForms([readings[0] for readings in forms], second_readings)
    second_readings = {}
    index = end = 0
    for match in _SECOND_READING_PATTERN.finditer(lines):
        index += lines.count("\n", end, match.start())
        end = match.end()
        if len(readings := list_comparison_forms(texts[index])) > 1:
            second_readings[index] = readings[1]
    return ComparisonForms(lines.translate(_LINE_FOLDING).split("\n"), second_readings)


def _make_second_reading(text: str) -> str:
    """Return the comparison form of the text in its second reading: ケ between kanji read as ガ, ヴァ as バ,
    and 々 as the character before it."""
    kana = unicodedata.normalize("NFKC", text).translate(_HIRAGANA_TO_KATAKANA)
    kana = _VU_SYLLABLE_PATTERN.sub(lambda match: _VU_SYLLABLES[match[0]], kana)
    kana = _ITERATION_MARK_PATTERN.sub(_repeat_kana, _ITERATION_MARK_PATTERN.sub(_repeat_kana, kana))
    return fold_text(_KA_BETWEEN_KANJI_PATTERN.sub("ガ", kana))


def may_have_second_reading(text: str) -> bool:
    """True if the text has a character whose reading can depend on the neighbouring characters, such as ケ or 々.
    Only for such a text does `list_comparison_forms` look for a second reading; it may find none.

    か and half-width ｶ and ｹ are not among these characters, because a typed query is converted to カ and ケ before
    (`console.domain.lookup.registry_query`). The terms of the search index depend on these characters, so a new one
    needs a new FORMAT_VERSION of the registry's tables.
    """
    return not _CONTEXT_DEPENDENT_CHARACTERS.isdisjoint(text)


def _repeat_kana(match: re.Match[str]) -> str:
    """Return the kana before an iteration mark twice. If the iteration mark has a voicing mark, the second kana is
    voiced."""
    voicing_mark = "\u3099" if match[2] == "ヾ" else ""
    return match[1] + unicodedata.normalize("NFC", match[1] + voicing_mark)


_KANJI_DIGITS = {kanji: str(digit) for digit, kanji in enumerate("〇一二三四五六七八九")}
_KANJI_BLOCK_NUMBER_PATTERN = re.compile(
    r"(?=[一二三四五六七八九十])([一二三四五六七八九]?)(十?)([一二三四五六七八九]?)(?=丁目)"
)
"""A number below 100 in kanji in front of 丁目, such as 二十三 in 二十三丁目."""
_HYPHEN_AFTER_DIGIT_PATTERN = re.compile(r"(?<=\d)[ー－‐\-‑‒–—―−─━](?=\d)")
_ADDRESS_UNIT_PATTERN = re.compile(r"(?<=\d)(?:丁目?|番地の|番地|番|号|の)(?:(?=(\d))|)")


def fold_address(text: str) -> str:
    """Return the comparison form of an address or a part of one. Block numbers are joined by hyphens: 3丁目1番2号,
    ３－１－２ and 三丁目1-2 all become 3-1-2. All other text gets the comparison form of a name, in its second
    reading if it has one (see `list_comparison_forms`)."""
    digits = _KANJI_BLOCK_NUMBER_PATTERN.sub(_convert_kanji_number, unicodedata.normalize("NFKC", text))
    blocks = _ADDRESS_UNIT_PATTERN.sub(_replace_block_unit, _HYPHEN_AFTER_DIGIT_PATTERN.sub("/", digits))
    return "-".join(
        block if block in _ADDRESS_BLOCK_NUMBERS else list_comparison_forms(block)[-1] for block in blocks.split("/")
    )


_ADDRESS_BLOCK_NUMBERS = frozenset(map(str, range(1000)))
"""Texts of the numbers below 1000, which are most block numbers in addresses. Each text equals its own comparison
form.
"""


def _replace_block_unit(unit: re.Match[str]) -> str:
    """Return "/" for a unit of an address (丁目, 番地) between two numbers, and "" for a unit at the end.
    `fold_address` splits the address at "/"."""
    return "/" if unit[1] else ""


def _convert_kanji_number(match: re.Match[str]) -> str:
    """Return the digits of the number below 100 that _KANJI_BLOCK_NUMBER_PATTERN has matched, such as "23" for 二十三
    and "10" for 十."""
    tens, ten, ones = match.groups()
    if not ten:
        return _KANJI_DIGITS[tens] if tens else ""
    return _KANJI_DIGITS.get(tens, "1") + _KANJI_DIGITS.get(ones, "0")
