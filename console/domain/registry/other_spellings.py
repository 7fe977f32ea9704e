"""Other spellings of a typed text. A search tries them one after the other if the text itself finds nothing.

People write a name as they hear it: a long vowel as ー where the reading has ウ or イ (トーキョー for トウキョウ), or
ウ and イ where the name has ー; 電気 for 電機, ノ for 乃 or 之, `and` for &, digits for the kanji of numbers or kanji
for digits, letters for their names (DIY for ディーアイワイ), circles (○) for the kanji 〇. The search index has each
name in one form only, so the module changes the typed text.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, product

from console.domain.registry.spelling import fold_text

_KANA_BY_VOWEL = {
    vowel: frozenset(row)
    for vowel, row in {
        "ア": "アカサタナハマヤラワガザダバパァャヮ",
        "イ": "イキシチニヒミリギジヂビピィエケセテネヘメレゲゼデベペェ",
        "ウ": "ウクスツヌフムユルグズヅブプゥュヴオコソトノホモヨロヲゴゾドボポォョ",
    }.items()
}
"""For each kana that can follow another one as the sign of a long vowel in a reading: the kana before it. For
example, イ follows ケ (ケイ for ケー), and ウ follows ト (トウ for トー)."""
_VOWEL_BY_KANA = {kana: vowel for vowel, row in _KANA_BY_VOWEL.items() for kana in row}
_LONG_MARK_PATTERN = re.compile(r"(?<=[ァ-ヴ])[ー\-‐―]")
_MAX_LONG_VOWEL_SPELLINGS = 4
"""Largest number of spellings with other long vowels that are tried, because each costs a search."""
_HIRAGANA_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_REMOVABLE_LONG_VOWEL_PATTERN = re.compile(
    "(?<=[エケセテネヘメレゲゼデベペェ])イ|(?<=[オコソトノホモヨロヲゴゾドボポォョ])[ウオ]|(?<=[ウクスツヌフムユルグズブプゥュ])ウ"
)
"""Matches a kana that may be a long vowel, which a name in katakana writes as ー: the イ of ケイ, the ウ of トウ."""
_MIN_SHORTENED_TEXT_LENGTH = 3
"""Smallest number of characters of a text without its long vowels. A shorter one would find many other names."""
_HOMOPHONES = (
    ("電機", "電気", "電器"),
    ("工業", "興業", "鉱業", "鋼業"),
    ("製作", "制作"),
    ("化学", "科学"),
    ("精機", "精器"),
    ("総合", "綜合"),
    ("総業", "綜業", "創業"),
    ("興産", "工産", "鉱産"),
    ("住建", "住研"),
    ("技研", "技建"),
)
"""Words in company names that sound alike: a person who has heard the name can't know which of them it has."""
_CONJUNCTION_AND_PATTERN = re.compile(r"(?i)(?<=\w)\s+and\s+(?=\w)|(?<=\w\w)アンド(?=[^ウー\s]\w)")
_KANJI_NUMBER_PATTERN = re.compile("[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九〇]+")
_NUMBER_BELOW_100_PATTERN = re.compile("(?<![0-9])[1-9][0-9]?(?![0-9])")
_KANJI_DIGITS = "〇一二三四五六七八九"
_LETTERS_PATTERN = re.compile("[A-Za-z]+")
_ABBREVIATION_LENGTHS = range(2, 6)
"""Numbers of letters of an abbreviation that may be written as the names of its letters."""
_KANA_NAMES_OF_LETTERS = """
エー ビー シー ディー イー エフ ジー エイチ アイ ジェー ケー エル エム
エヌ オー ピー キュー アール エス ティー ユー ブイ ダブリュー エックス ワイ ゼット
"""
_KANA_NAME_BY_LETTER = dict(zip("abcdefghijklmnopqrstuvwxyz", _KANA_NAMES_OF_LETTERS.split(), strict=True))
_OTHER_KANA_NAME_BY_LETTER = _KANA_NAME_BY_LETTER | {"a": "エイ", "j": "ジェイ", "k": "ケイ"}
"""Names of the letters in kana; some have a second one."""
_KANA_RUN_PATTERN = re.compile("([ぁ-ゖー]{2,}|[ァ-ヺー]{2,})")
_MAX_SPELLINGS = 8
"""Largest number of other spellings of one text."""
_POSSESSIVE_PARTICLE_PATTERN = re.compile(r"(?<=[一-鿿])[乃之ノの](?=[一-鿿])")
_KANJI_BY_DIGIT = str.maketrans("123456789", "一二三四五六七八九")
_KANJI_BY_CIRCLE = str.maketrans("○◯", "〇〇")
"""Translation of the symbols for circles to the kanji 〇, because the comparison form of a name contains no symbols.
"""


def list_other_spellings(text: str) -> Iterator[str]:
    """Yield other spellings of a text, the most probable first; at most eight. Yield nothing if the text has no other
    spelling. Two spellings with the same words in comparison form count as one."""
    return islice(_list_different_spellings(unicodedata.normalize("NFKC", text)), _MAX_SPELLINGS)


def _list_different_spellings(normalised_text: str) -> Iterator[str]:
    candidate_spellings = (
        *_list_long_vowel_spellings(normalised_text),
        *_list_homophones(normalised_text),
        *_list_particle_spellings(normalised_text),
        _CONJUNCTION_AND_PATTERN.sub(" ", normalised_text),
        _NUMBER_BELOW_100_PATTERN.sub(_convert_digits_to_kanji, normalised_text),
        normalised_text.translate(_KANJI_BY_DIGIT),
        _KANJI_NUMBER_PATTERN.sub(_convert_kanji_to_digits, normalised_text),
        *_list_letter_names(normalised_text),
        _shorten_long_vowels(normalised_text),
        _separate_single_characters(normalised_text),
        normalised_text.translate(_KANJI_BY_CIRCLE),
    )
    known_forms = {_fold_words(normalised_text)}
    for spelling in candidate_spellings:
        comparison_form = _fold_words(spelling)
        if comparison_form not in known_forms:
            known_forms.add(comparison_form)
            yield spelling


def _fold_words(text: str) -> tuple[str, ...]:
    """Return the comparison forms of the words of the text, without empty ones."""
    return tuple(filter(None, map(fold_text, text.split())))


def _list_long_vowel_spellings(plain_text: str) -> Iterator[str]:
    """Yield the text in katakana with its long vowel marks (ー) replaced by vowels: first all marks, then fewer of
    them; at most `_MAX_LONG_VOWEL_SPELLINGS` texts, the last of which may have no mark replaced."""
    kana = plain_text.translate(_HIRAGANA_TO_KATAKANA)
    first_part, *other_parts = _LONG_MARK_PATTERN.split(kana)
    vowels = [_VOWEL_BY_KANA.get(part[-1:], "") for part in (first_part, *other_parts)[:-1]]
    for choice in islice(product((True, False), repeat=len(other_parts)), _MAX_LONG_VOWEL_SPELLINGS):
        written_vowels = (vowel if is_vowel else "ー" for vowel, is_vowel in zip(vowels, choice, strict=True))
        yield first_part + "".join(f"{vowel}{part}" for vowel, part in zip(written_vowels, other_parts, strict=True))


def _list_particle_spellings(plain_text: str) -> Iterator[str]:
    """Yield the text with 乃, 之 or ノ in place of the possessive particle between two kanji."""
    return (_POSSESSIVE_PARTICLE_PATTERN.sub(sign, plain_text) for sign in "乃之ノ")


def _list_homophones(plain_text: str) -> Iterator[str]:
    """Yield the text with a word of _HOMOPHONES replaced by each other word of its group."""
    folded_words = ((word, words) for words in _HOMOPHONES for word in words if word in plain_text)
    for word, words in folded_words:
        yield from (plain_text.replace(word, other) for other in words if other != word)


def _convert_digits_to_kanji(match: re.Match[str]) -> str:
    """Return a number from 1 to 99 in kanji: 二十四 for 24."""
    tens, ones = divmod(int(match[0]), 10)
    tens_in_kanji = "" if tens == 0 else "十" if tens == 1 else f"{_KANJI_DIGITS[tens]}十"
    return f"{tens_in_kanji}{_KANJI_DIGITS[ones] if ones else ''}"


def _convert_kanji_to_digits(match: re.Match[str]) -> str:
    """Return a number in digits: 24 for 二十四 and for 二四."""
    if "十" not in match[0]:
        return "".join(str(_KANJI_DIGITS.index(digit)) for digit in match[0])
    tens, ones = match[0].split("十")
    return f"{_KANJI_DIGITS.index(tens) if tens else 1}{_KANJI_DIGITS.index(ones) if ones else 0}"


def _list_letter_names(plain_text: str) -> Iterator[str]:
    """Yield the text with the names of its letters in kana, if it has one abbreviation and no other letters."""
    letters = _LETTERS_PATTERN.findall(plain_text)
    if len(letters) == 1 and len(letters[0]) in _ABBREVIATION_LENGTHS:
        for names in (_KANA_NAME_BY_LETTER, _OTHER_KANA_NAME_BY_LETTER):
            yield plain_text.replace(letters[0], "".join(names[letter] for letter in letters[0].lower()))


def _shorten_long_vowels(plain_text: str) -> str:
    """Return the text in katakana without the kana that may be long vowels (トウキョウ gives トキョ, which is the
    comparison form of トーキョー), or the text itself if too little would remain."""
    shortened_text = _REMOVABLE_LONG_VOWEL_PATTERN.sub("", plain_text.translate(_HIRAGANA_TO_KATAKANA))
    return shortened_text if len(fold_text(shortened_text)) >= _MIN_SHORTENED_TEXT_LENGTH else plain_text


def _separate_single_characters(plain_text: str) -> str:
    """Return the text with a space between a run of kana and a single character next to it: フィットネス湊 gives
    フィットネス 湊. For pieces of two or more characters this isn't needed, because `parse_registry_query` already
    searches them separately."""
    pieces = [piece for word in plain_text.split() for piece in _KANA_RUN_PATTERN.split(word) if piece]
    return " ".join(pieces) if any(len(piece) == 1 for piece in pieces) else plain_text
