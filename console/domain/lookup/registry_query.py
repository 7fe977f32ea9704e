"""Read a text that a person typed as a query to the corporation registry: a number, the beginning of a number, a post
code, or words. The rules are the same for the terminal (`find`, `lookup`) and the window's search box:

- 13 digits with the right check digit, alone or together with words, are a corporation number. Spaces and hyphens
  between the digits, and the T of an invoice registration number, are ignored. 12 digits are a company registry
  number (会社法人等番号), to which the check digit is added.
- 100-0001, a beginning of it such as 100-00, 〒1000001 and 〒100 are post codes. 7 digits count as a post code and as
  the beginning of a number. 3 digits together with other words count as a post code and as a part of a name.
- Other digits are the beginning of a corporation number or of a company registry number if there are at least 4 of
  them. They may also be part of a name.
- Everything else is words. A corporation matches if each word is in its name, furigana, English name, address or post
  code; a name may also be typed with spaces that it doesn't have.
"""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from enum import Enum

from console.domain.corporation_number import (
    DIGIT_COUNT,
    CorporationNumber,
    compute_check_digit,
    read_corporation_number,
)
from console.domain.lookup.number_input import HYPHEN_BY_DASH
from console.domain.registry.legal_forms import remove_legal_form, write_out_legal_forms
from console.domain.registry.spelling import fold_address, join_voicing_marks, list_comparison_forms

LONGEST_QUERY_CHARACTERS = 500
"""Largest number of characters of a typed text that are read; further characters are ignored. It is the length of
the longest published text, a furigana.
"""
_MIN_SEARCHED_CHARACTERS = 2
"""Smallest number of characters of a word that is searched within names."""
_MIN_SEARCHED_DIGITS = 4
"""Smallest number of digits that are searched as the beginning of a number."""
_NUMBER_AMONG_WORDS_PATTERN = re.compile(r"(?<![0-9A-Za-z])[Tt]?([0-9](?:[ -]?[0-9]){12})(?![0-9])")
_POST_CODE_PATTERN = re.compile(r"〒\s*([0-9]{3})-?([0-9]{0,4})|([0-9]{3})-([0-9]{1,4})")
_HYPHEN_FOLDING = HYPHEN_BY_DASH | {ord("ｰ"): "-"}  # the digits of a query are read before NFKC
_KANA_RUN_PATTERN = re.compile(r"([ぁ-ゖー]{2,}|[ァ-ヺー]{2,})")
_INVISIBLE_UNICODE_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))


class QueryKind(Enum):
    """Kind of a query to the corporation registry: a corporation number, a mistyped corporation number, a part of a
    number, a post code, words, a single character, or an empty query. A corporation number in the text has priority
    over every other kind.
    """

    EMPTY = "empty"
    """Nothing to search for: spaces, punctuation or symbols only."""
    ONE_CHARACTER = "one_character"
    """Only names that consist of this character are searched for. A search within names needs 2 characters or
    more."""
    NUMBER = "number"
    MISTYPED_NUMBER = "mistyped_number"
    """13 digits with a wrong check digit."""
    NUMBER_PART = "number_part"
    POST_CODE = "post_code"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class SearchWord:
    """A typed word in its comparison forms. `names` are its readings as a part of a name, `bare_names` these
    readings without the legal form; `address` is its form as a part of an address. `post_code` has 3 to 7
    digits if the word is a post code, otherwise it is empty.
    """

    names: tuple[str, ...]
    bare_names: tuple[str, ...]
    address: str
    post_code: str = ""


@dataclass(frozen=True, slots=True)
class RegistryQuery:
    """A typed query to the corporation registry.

    - `number`: the corporation number in the text, also if it was typed without its check digit; None if there is
      none
    - `digits`: the digits of a part of a number; `post_code`: those of a post code; "" if there are none
    - `whole_name`: the whole text as one name; `words`: its words if it has several, otherwise empty
    - `script_pieces`: the words divided where kana meet other characters, because people type a name partly as they
      hear it: わたなべ製作所 gives わたなべ and 製作所; empty if no word is divided, or if the text has a corporation
      number
    """

    kind: QueryKind
    number: str | None = None
    digits: str = ""
    post_code: str = ""
    whole_name: SearchWord = field(default_factory=lambda: SearchWord((), (), ""))
    words: tuple[SearchWord, ...] = ()
    script_pieces: tuple[SearchWord, ...] = ()


def parse_registry_query(text: str) -> RegistryQuery:
    """Return the query of the corporation registry that a typed text means. Any text is accepted; characters after
    the first 500 are ignored."""
    query_text = _clean_query_text(text[: LONGEST_QUERY_CHARACTERS * 2])[:LONGEST_QUERY_CHARACTERS]
    number = find_corporation_number_in_text(query_text)
    words = tuple(map(_read_word_or_half_post_code, query_text.split()))
    whole_word = _read_word(query_text)
    digits = "".join(query_text.translate(_HYPHEN_FOLDING).replace("-", "").split())
    is_digits = digits.isascii() and digits.isdecimal()
    post_code = _read_post_code(query_text.strip())
    return RegistryQuery(
        _find_query_kind(whole_word, number, post_code, len(digits) if is_digits else 0),
        number,
        digits if number is None and is_digits and _MIN_SEARCHED_DIGITS <= len(digits) < DIGIT_COUNT else "",
        post_code,
        whole_word,
        tuple(word for word in words if word.names != ("",)) if len(words) > 1 else (),
        tuple(map(_read_word, _divide_by_script(query_text))) if number is None else (),
    )


def find_corporation_number_in_text(text: str) -> str | None:
    """Return the corporation number (13 digits) in a typed text; None if there is none. The number may be typed
    without its check digit, and together with words.
    """
    number = read_corporation_number(text)
    if isinstance(number, CorporationNumber):
        return number.value
    if number.normalized is not None and len(number.normalized) == DIGIT_COUNT - 1:
        return compute_check_digit(number.normalized) + number.normalized
    for match in _NUMBER_AMONG_WORDS_PATTERN.finditer(unicodedata.normalize("NFKC", text).translate(_HYPHEN_FOLDING)):
        number_among_words = read_corporation_number(match[1])
        if isinstance(number_among_words, CorporationNumber):
            return number_among_words.value
    return None


def _divide_by_script(typed_text: str) -> list[str]:
    """Return the words, divided before and after two or more kana of one kind (hiragana or katakana), without
    pieces of one character. Return an empty list if no word is divided, or if fewer than two pieces remain."""
    pieces = [piece for word in typed_text.split() for piece in _KANA_RUN_PATTERN.split(word) if piece]
    long_pieces = [piece for piece in pieces if len(piece) >= _MIN_SEARCHED_CHARACTERS]
    return long_pieces if len(long_pieces) > 1 and len(pieces) > len(typed_text.split()) else []


def _find_query_kind(whole_query: SearchWord, number: str | None, post_code: str, digit_count: int) -> QueryKind:
    """Return the kind of a query that has this corporation number (None: no number), this post code ("": no post
    code) and this number of digits. Without these, the length of `whole_query` (the whole text as one word)
    determines the kind.
    """
    if number is not None:
        return QueryKind.NUMBER
    if post_code:
        return QueryKind.POST_CODE
    if digit_count == DIGIT_COUNT:
        return QueryKind.MISTYPED_NUMBER
    if _MIN_SEARCHED_DIGITS <= digit_count < DIGIT_COUNT:
        return QueryKind.NUMBER_PART
    longest_name_length = max(map(len, whole_query.names))
    if longest_name_length < _MIN_SEARCHED_CHARACTERS:
        return QueryKind.ONE_CHARACTER if longest_name_length else QueryKind.EMPTY
    return QueryKind.WORDS


def _clean_query_text(text: str) -> str:
    """Return the typed text as the program reads it: without control characters, marks of the writing direction and
    surrogates. A tab, a line break and every other white space becomes a space. Voicing marks are joined to their
    kana, and abbreviated legal forms are written out, such as 株式会社 for ㈱."""
    visible_text = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in _INVISIBLE_UNICODE_CATEGORIES
    )
    return write_out_legal_forms(join_voicing_marks(visible_text))


_HIRAGANA_KA_TO_KATAKANA = str.maketrans("かゕゖ", "カヵヶ")
"""Replaces か and the small ka and ke by the katakana カ and ケ, for which the search knows a second reading."""


def _read_word(word: str) -> SearchWord:
    """Return the comparison forms of a typed word as a part of a name, an address or a post code."""
    # list_comparison_forms looks for no second reading of か, because the terms of indexed rows have none.
    first_reading, *other_readings = list_comparison_forms(word.translate(_HIRAGANA_KA_TO_KATAKANA))
    names = (
        first_reading,
        *filter(None, other_readings),
    )  # "－々" also reads as two symbols: nothing, which every text contains
    return SearchWord(names, tuple(map(remove_legal_form, names)), fold_address(word), _read_post_code(word))


def _read_word_or_half_post_code(word: str) -> SearchWord:
    """Return the comparison forms of one of several typed words. A word of 3 digits also counts as the first half
    of a post code."""
    search_word = _read_word(word)
    half_width_word = unicodedata.normalize("NFKC", word)
    return (
        replace(search_word, post_code=half_width_word) if re.fullmatch("[0-9]{3}", half_width_word) else search_word
    )


def _read_post_code(word: str) -> str:
    """Return the digits of the word if it is a post code of 7 digits, or a form of `_POST_CODE_PATTERN`; otherwise
    ""."""
    half_width_word = unicodedata.normalize("NFKC", word).translate(_HYPHEN_FOLDING)
    if len(half_width_word) == 7 and half_width_word.isascii() and half_width_word.isdecimal():
        return half_width_word
    match = _POST_CODE_PATTERN.fullmatch(half_width_word)
    return "".join(part or "" for part in match.groups()) if match else ""
