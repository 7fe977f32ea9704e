"""Ranks the corporations that the search index finds.

A better rank means that a corporation's texts match the typed text better. A search reads up to a thousand rows of
the index, but few of them match, so the check of a row that doesn't match must be fast. Therefore the legal form is
removed from the Japanese names of a row only if the names contain a word of the query. If the registry doesn't have
the comparison form of an address, the form is computed only if the address contains the characters of the word.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from console.domain.lookup.registry_query import RegistryQuery, SearchWord
from console.domain.registry.legal_forms import is_legal_form, remove_english_legal_form, remove_legal_forms
from console.domain.registry.spelling import fold_address, fold_text, list_comparison_forms, may_have_second_reading
from console.store.registry.folded_texts import extract_folded_address, list_name_readings

_LINE_BREAK = "\n"
"""Character before, between and behind folded names, which never contain it. So one search for a text finds it in any
name, at the beginning of any name, or as a whole name."""
_CHARACTERS_CHANGED_IN_ADDRESSES = re.compile(r"[\d\-丁目番地号ノ〇一二三四五六七八九十]+")
"""Pattern of the characters that `fold_address` may convert to other characters than `fold_text` does."""
CHARACTER_PAIRS_OF_LEGAL_FORMS = frozenset(("株式", "式会", "会社", "有限", "限会", "合同", "同会"))
"""Pairs of neighbouring characters in the legal forms of companies. Most names contain some of them."""


class Rank(IntEnum):
    """Rank of a corporation in a search; a lower value is a better match. The typed text is:

    - WHOLE_NAME: the whole official name with its legal form
    - NAME: the name without the legal form
    - BEGINNING: the beginning of a name
    - PART: another part of a name
    - ELSEWHERE: a part of the address or of the post code
    """

    WHOLE_NAME = 0
    NAME = 1
    BEGINNING = 2
    PART = 3
    ELSEWHERE = 4


class CorporationTexts(NamedTuple):
    """The texts of a corporation that a search compares with the query, as the registry has them.
    `corporation_number` has 13 digits. `folded_names` is the column of this name. `folded_address` is the comparison
    form of prefecture and city, followed by the column `folded_street` (module `folded_texts`). If one of the two is
    None, the comparison forms are computed.
    """

    corporation_number: str
    name: str
    furigana: str
    english_name: str
    address: str
    post_code: str
    folded_names: str | None = None
    folded_address: str | None = None


class _PreparedWord(NamedTuple):
    """The comparison forms of one word of the query, which are compared with the names, the address and the post code
    of each corporation.

    The names of a corporation are one text with a line break before and after each name. A corporation has the rank
    WHOLE_NAME, NAME, BEGINNING or PART if this text contains one of `whole_names`, `names`, `beginnings` or `parts`.
    Therefore `whole_names` and `names` have a line break at both ends, and `beginnings` have one at the start.
    `names` are compared with the names without their legal forms.

    `letters` are the pieces of `address` that are the same in every spelling of an address: an address without one of
    them can't match, and its comparison form isn't computed. `gives_rank` is False if the word must match, but
    doesn't count for the rank.
    """

    gives_rank: bool
    whole_names: tuple[str, ...]
    names: tuple[str, ...]
    beginnings: tuple[str, ...]
    parts: tuple[str, ...]
    address: str
    letters: tuple[str, ...]
    post_code: str


class Ranking:
    """Computes the rank of corporations for one query."""

    def __init__(self, query: RegistryQuery) -> None:
        self._prepared_whole = _prepare_words((query.whole_name,))
        self._prepared_words = _prepare_words(query.words)
        self._prepared_pieces = _prepare_words(query.script_pieces)
        self._digits = query.digits

    def rank(self, corporation: CorporationTexts) -> Rank | None:
        """Return the rank of a corporation for the query; None if the corporation doesn't match."""
        texts = _FoldedTexts(corporation)
        best_rank = None if self._prepared_whole is None else _rank_words(texts, self._prepared_whole)
        if self._prepared_words is not None:
            best_rank = _get_better_rank(best_rank, _rank_words(texts, self._prepared_words))
        if self._digits and (
            corporation.corporation_number.startswith(self._digits)
            or corporation.corporation_number.startswith(self._digits, 1)
        ):
            best_rank = _get_better_rank(best_rank, Rank.NAME)
        if self._prepared_pieces is not None and (best_rank is None or best_rank > Rank.PART):
            rank_of_pieces = _rank_words(texts, self._prepared_pieces)
            return best_rank if rank_of_pieces is None else max(rank_of_pieces, Rank.PART)
        return best_rank


def _prepare_words(words: Sequence[SearchWord]) -> tuple[_PreparedWord, ...] | None:
    """Return the comparison forms of the query's words. Return None if there are no words. Also return None if a word
    consists of spaces and symbols only, because no text matches such a word."""
    if not words or any(not word.names or not word.names[0] for word in words):
        return None
    telling_words = list_words_other_than_legal_forms(words)
    return tuple(_prepare_word(word, gives_rank=word in telling_words) for word in words)


def list_words_other_than_legal_forms(words: Sequence[SearchWord]) -> list[SearchWord]:
    """Return those of the words that are neither a legal form nor a part of one, because most names contain legal
    forms. If all words are legal forms or parts of them, return all words."""
    return [word for word in words if word.post_code or not _is_part_of_legal_form(word.names[0])] or list(words)


def _is_part_of_legal_form(name: str) -> bool:
    pairs = [name[start : start + 2] for start in range(len(name) - 1)]
    return bool(pairs) and (is_legal_form(name) or CHARACTER_PAIRS_OF_LEGAL_FORMS.issuperset(pairs))


def _prepare_word(word: SearchWord, *, gives_rank: bool) -> _PreparedWord:
    """Return the comparison forms of one word of the query. `gives_rank` is False if the word is a legal form or a
    part of one, and the query has other words, too. Such a word must match, but doesn't count for the rank."""
    name_parts = tuple(dict.fromkeys((*word.bare_names, *word.names)))
    return _PreparedWord(
        gives_rank,
        tuple(f"{_LINE_BREAK}{name}{_LINE_BREAK}" for name in word.names) if word.names != word.bare_names else (),
        tuple(f"{_LINE_BREAK}{bare_name}{_LINE_BREAK}" for bare_name in word.bare_names),
        tuple(f"{_LINE_BREAK}{part}" for part in name_parts),
        name_parts,
        word.address,
        tuple(filter(None, _CHARACTERS_CHANGED_IN_ADDRESSES.split(word.address))),
        word.post_code,
    )


class _FoldedTexts:
    """The texts of a corporation in their comparison forms. The forms of the address, and of the Japanese names
    without their legal form, are computed at their first use."""

    def __init__(self, corporation: CorporationTexts) -> None:
        self.post_code = corporation.post_code
        self._raw_address = corporation.address
        self._plain_address: str | None = None
        self._address = (
            None if corporation.folded_address is None else extract_folded_address(corporation.folded_address)
        )
        self._names = list_name_readings(corporation.name, corporation.furigana, corporation.folded_names)
        self._bare_english: tuple[str, ...] = ()
        self.names = self.names_and_bare_english = _LINE_BREAK.join(("", *self._names, ""))
        if corporation.english_name:
            self._bare_english = list_comparison_forms(remove_english_legal_form(corporation.english_name))
            self.names += f"{fold_text(corporation.english_name)}{_LINE_BREAK}"
            self.names_and_bare_english = self.names + _LINE_BREAK.join((*self._bare_english, ""))
        self._bare_names = ""

    @property
    def bare_names(self) -> str:
        """The names without their legal forms, each between two line breaks."""
        if not self._bare_names:
            self._bare_names = _LINE_BREAK.join(("", *remove_legal_forms(self._names), *self._bare_english, ""))
        return self._bare_names

    @property
    def official_name(self) -> str:
        """The Japanese name (the furigana, if the name is empty) with its legal form, in comparison form, after a
        line break; "" for a corporation with neither a name nor a furigana."""
        return f"{_LINE_BREAK}{self._names[0]}" if self._names else ""

    def has_word_in_address(self, word: _PreparedWord) -> bool:
        """True if the corporation's address contains `word`; both are compared in the comparison form of
        addresses."""
        if self._address is None and not self._may_have_address_letters(word.letters):
            return False
        if self._address is None:
            self._address = fold_address(self._raw_address)
        return word.address in self._address

    def _may_have_address_letters(self, letters: tuple[str, ...]) -> bool:
        """False if the address certainly lacks one of the `letters`; then the comparison form of the address needn't
        be computed. True if the address has all of them, or if only the comparison form can show this."""
        if self._plain_address is None:
            has_other_form = may_have_second_reading(self._raw_address)
            self._plain_address = "" if has_other_form else fold_text(self._raw_address)
        plain_address = self._plain_address
        return not plain_address or _contains_all(plain_address, letters)


def _rank_words(texts: _FoldedTexts, words: tuple[_PreparedWord, ...]) -> Rank | None:
    """Return a corporation's rank: the best rank of those `words` that are ranked (`gives_rank`). Return None if one
    of the words doesn't match the corporation.
    """
    best_rank = Rank.ELSEWHERE
    for word in words:
        rank = _rank_word(texts, word)
        if rank is None:
            return None
        if word.gives_rank:
            best_rank = min(best_rank, rank)
    return best_rank


def _get_better_rank(first_rank: Rank | None, second_rank: Rank | None) -> Rank | None:
    """Return the better one of two ranks; None if both are None."""
    if first_rank is None or second_rank is None:
        return second_rank if first_rank is None else first_rank
    return min(first_rank, second_rank)


def _rank_word(texts: _FoldedTexts, word: _PreparedWord) -> Rank | None:
    """Return the rank of one word of the query for a corporation; None if none of its texts has the word."""
    if _contains_any(texts.names_and_bare_english, word.parts):
        if _contains_any(texts.names, word.whole_names):
            return Rank.WHOLE_NAME
        if _contains_any(texts.bare_names, word.names):
            return Rank.NAME
        if _contains_any(texts.bare_names, word.beginnings) or _contains_any(texts.official_name, word.beginnings):
            return Rank.BEGINNING
        if _contains_any(texts.names, word.parts):
            return Rank.PART
    is_elsewhere = (word.address and texts.has_word_in_address(word)) or (
        word.post_code and texts.post_code.startswith(word.post_code)
    )
    return Rank.ELSEWHERE if is_elsewhere else None


def _contains_any(texts: str, parts: tuple[str, ...]) -> bool:
    """True if `texts` contains one of `parts`."""
    for part in parts:  # noqa: SIM110  # a generator would take longer than the comparisons
        if part in texts:
            return True
    return False


def _contains_all(text: str, parts: tuple[str, ...]) -> bool:
    """True if `text` contains all of `parts`."""
    for part in parts:  # noqa: SIM110  # as above
        if part not in text:
            return False
    return True
