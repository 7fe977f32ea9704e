"""Other spellings of a typed text, which a search tries one after the other if the text itself finds nothing.

People write a name as they hear it: a long vowel as ー where the reading has ウ or イ (トーキョー for トウキョウ),
ノ for 乃 or 之, digits for the kanji of numbers, circles (○) for the kanji 〇. The index has each name in one form
only, so the text is changed.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, product

from console.domain.registry.spelling import fold_text

_LONG_VOWELS = {
    vowel: frozenset(row)
    for vowel, row in {
        "ア": "アカサタナハマヤラワガザダバパァャヮ",
        "イ": "イキシチニヒミリギジヂビピィエケセテネヘメレゲゼデベペェ",
        "ウ": "ウクスツヌフムユルグズヅブプゥュヴオコソトノホモヨロヲゴゾドボポォョ",
    }.items()
}
"""Spelling of a long vowel in readings, by the kana before it: ケイ for ケー, トウ for トー."""
_VOWEL_BY_KANA = {kana: vowel for vowel, row in _LONG_VOWELS.items() for kana in row}
_LONG_MARK_PATTERN = re.compile(r"(?<=[ァ-ヴ])[ー\-‐―]")
_MAX_LONG_VOWEL_SPELLINGS = 4
"""Largest number of spellings with other long vowels that are tried, because each costs a search."""
_HIRAGANA_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_POSSESSIVE_PARTICLE_PATTERN = re.compile(r"(?<=[一-鿿])[乃之ノの](?=[一-鿿])")
_KANJI_BY_DIGIT = str.maketrans("123456789", "一二三四五六七八九")
_KANJI_BY_CIRCLE = str.maketrans("○◯", "〇〇")
"""Translation of the symbols for circles to the kanji 〇, because the comparison form of a name contains no symbols.
"""


def list_other_spellings(text: str) -> Iterator[str]:
    """Yield other spellings of a text, the most probable first: long vowel marks as vowels, another particle
    between kanji (乃, 之, ノ), kanji for digits, 〇 for circles. Yield nothing if the text has no other spelling."""
    normalised_text = unicodedata.normalize("NFKC", text)
    candidate_spellings = (
        *_list_long_vowel_spellings(normalised_text),
        *_list_particle_spellings(normalised_text),
        normalised_text.translate(_KANJI_BY_DIGIT),
        normalised_text.translate(_KANJI_BY_CIRCLE),
    )
    known_forms = {fold_text(normalised_text)}
    for spelling in candidate_spellings:
        comparison_form = fold_text(spelling)
        if comparison_form not in known_forms:
            known_forms.add(comparison_form)
            yield spelling


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
    return (_POSSESSIVE_PARTICLE_PATTERN.sub(sign, plain_text) for sign in "乃之ノ")
