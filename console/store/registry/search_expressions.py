"""Makes the full-text expressions by which a search reads the search index (module `search_index`).

A full-text expression is a condition on the index terms of a corporation in the syntax of SQLite's FTS5, such as
`("^山田" AND "田製")`. The index finds the corporations that fulfil it. Most terms are only pairs of characters, so
it also finds some corporations that don't match; the search verifies all of them (module `ranking`)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from console.domain.lookup.registry_query import RegistryQuery, SearchWord
from console.domain.registry.legal_forms import is_legal_form
from console.store.registry.ranking import CHARACTER_PAIRS_OF_LEGAL_FORMS, Rank, list_words_other_than_legal_forms
from console.store.registry.search_index import (
    list_character_pairs,
    list_number_terms,
    list_post_code_terms,
    list_terms_of_folded_address,
    make_name_start_and_end_terms,
    make_number_beginning_term,
)

_SHORTEST_BEGINNING_CHARACTERS = 2
_MAX_NAME_TERMS = 4
"""Largest number of index terms in one full-text expression for a name. The four rarest terms of a name are enough to
find few other rows.
"""
_MAX_TERMS = 6
"""Largest number of index terms in one full-text expression for other texts. Addresses have more terms in common, so
an expression for them needs more terms.
"""
_MAX_TERMS_WITHOUT_NUMBERS = 12
"""Largest number of index terms in one full-text expression for an address whose numbers aren't required. More terms
are needed, because the rarest ones are often those of the city alone.
"""


class FullTextExpressions:
    """Makes full-text expressions, which search the rarest index terms of a text. `row_counts` is the result of
    `read_frequent_terms`: for each frequent index term, the number of open corporations with this term. `row_counts`
    is empty if no term is frequent, or if the registry was built by an earlier program, which didn't count the
    corporations of its terms.

    Expressions with `requires_numbers` True require the terms of the numbers in a typed address. So they find few
    other corporations, but they miss those whose numbers have other terms (see `list_number_terms`). They also miss
    an address that has a word without index terms, such as 123番地, because they require such a word in a name.
    Expressions with `requires_numbers` False leave such terms and words out.
    """

    def __init__(self, row_counts: Mapping[str, int], *, requires_numbers: bool = True) -> None:
        self._row_counts = row_counts
        self._requires_numbers = requires_numbers

    def make_expression_for_rank(self, query: RegistryQuery, rank: Rank) -> str | None:
        """Return the full-text expression that finds the corporations which match the query with the rank `rank`.
        Return None if no text of the query has terms by which the index can be searched for this rank."""
        alternatives = [
            self._make_word_expression(query.whole_name, rank),
            *self._make_words_expressions(query.words, rank),
        ]
        if rank >= Rank.PART:
            alternatives += self._make_words_expressions(query.script_pieces, rank)
        return _join_expressions("OR", alternatives)

    def make_names_expression(self, query: RegistryQuery) -> str | None:
        """Return the full-text expression that finds the corporations of the ranks WHOLE_NAME, NAME and BEGINNING
        together. Return None if the query or one of its words has fewer than two characters without its legal form:
        the index has no term for a beginning of one character.
        """
        words = (query.whole_name, *query.words)
        if min(len(bare_name) for word in words for bare_name in word.bare_names) < _SHORTEST_BEGINNING_CHARACTERS:
            return None
        return self.make_expression_for_rank(query, Rank.BEGINNING)

    def leaves_words_out(self, query: RegistryQuery) -> bool:
        """True if the query has a word that counts for the rank (`list_words_other_than_legal_forms`), but by which
        the index isn't searched, such as a word of one character.
        """
        return any(
            word not in _list_indexed_words(words)
            for words in (query.words, query.script_pieces)
            for word in list_words_other_than_legal_forms(words)
        )

    def list_expressions_of_all_ranks(self, query: RegistryQuery) -> list[str]:
        """Return at most two full-text expressions; an empty list if the index can't find any match.

        The last expression finds the corporations of all ranks together. So the index is read only once for each
        word, and not again for the expression of each single rank. If the query has several words or script pieces
        (わたなべ and 製作所 of わたなべ製作所), this last expression can take long. Then another expression comes
        first, which finds only the corporations with the whole text.
        """
        alternatives = self._list_anywhere_expressions(query.whole_name)
        if min(map(len, query.whole_name.bare_names)) < 2:  # the terms of a part are those of a name, if it has pairs
            alternatives.append(self._make_word_expression(query.whole_name, Rank.NAME))
        whole_expression = _join_expressions("OR", alternatives)
        for words in map(self._list_searched_words, (query.words, query.script_pieces)):
            expressions = [self._make_anywhere_expression(word) for word in words]
            if len(words) == 1:  # often the whole text without its legal form, with the same alternatives
                alternatives += self._list_anywhere_expressions(words[0])
            elif None not in expressions:
                alternatives.append(_join_expressions("AND", expressions))
        full_expression = _join_expressions("OR", alternatives)
        return list(dict.fromkeys(filter(None, (whole_expression, full_expression))))

    def _make_words_expressions(self, words: Sequence[SearchWord], rank: Rank) -> Iterator[str | None]:
        """Yield full-text expressions, one for each word by which the index is searched (`_list_indexed_words`). The
        expression finds the corporations that match this word at `rank` and have each other word in any of their
        texts. No expression is yielded for a word that has no terms for `rank`, or if another word has no terms at
        all."""
        indexed_words = self._list_searched_words(words)
        word_expressions = [self._make_anywhere_expression(word) for word in indexed_words]
        for position, word in enumerate(indexed_words):
            other_expressions = [*word_expressions[:position], *word_expressions[position + 1 :]]
            best_expression = self._make_word_expression(word, rank)
            if best_expression is not None and None not in other_expressions:
                yield _join_expressions("AND", [best_expression, *other_expressions])

    def _list_searched_words(self, words: Iterable[SearchWord]) -> list[SearchWord]:
        """Return the words that an expression requires, out of the given words (see `_list_indexed_words`). If
        this object doesn't require numbers, the words that have no terms in the index of addresses, such as house
        numbers, are left out, unless no other word remains."""
        indexed_words = _list_indexed_words(words)
        if self._requires_numbers:
            return indexed_words
        return [word for word in indexed_words if list_terms_of_folded_address(word.address)] or indexed_words

    def _make_word_expression(self, word: SearchWord, rank: Rank) -> str | None:
        """Return the full-text expression for the corporations that match the word at this rank. Return None if the
        word has no terms for the rank; for WHOLE_NAME, for example, if the word has no legal form."""
        match rank:
            case Rank.WHOLE_NAME:
                pairs = zip(word.names, word.bare_names, strict=True)
                return _join_expressions(
                    "OR",
                    [self._make_name_expression(bare_name, name) for name, bare_name in pairs if name != bare_name],
                )
            case Rank.NAME:
                return _join_expressions(
                    "OR",
                    [self._make_name_expression(bare_name, bare_name) for bare_name in word.bare_names if bare_name],
                )
            case Rank.BEGINNING:
                beginning_names = [*word.bare_names, *word.names]
                return _join_expressions(
                    "OR",
                    [
                        self._make_beginning_expression(bare_name)
                        for bare_name in dict.fromkeys(beginning_names)
                        if len(bare_name) >= _SHORTEST_BEGINNING_CHARACTERS
                    ],
                )
            case Rank.PART:
                return self._make_part_expression(word)
            case Rank.ELSEWHERE:
                post_code = list_post_code_terms(word.post_code) if word.post_code else []
                return _join_expressions(
                    "OR", [self._make_address_expression(word.address), self._make_all_terms_expression(post_code)]
                )

    def _make_name_expression(self, bare_name: str, name: str) -> str | None:
        """Return the full-text expression for the corporations with the name `name`, which is `bare_name` with or
        without its legal form. Of the legal form only the character beside `bare_name` is searched (社 of
        株式会社山田), because so many names have its other characters that their lists in the index are long."""
        start = name.index(bare_name)
        name_part = name[max(start - 1, 0) : start + len(bare_name) + 1]
        return self._make_all_terms_expression(
            [*make_name_start_and_end_terms(bare_name), *list_character_pairs(name_part)]
        )

    def _make_beginning_expression(self, bare_name: str) -> str | None:
        """Return the full-text expression for corporations whose name begins with `bare_name`; None if the index
        can't find them."""
        return self._make_all_terms_expression(
            [make_name_start_and_end_terms(bare_name)[0], *list_character_pairs(bare_name)[1:]]
        )

    def _make_part_expression(self, word: SearchWord) -> str | None:
        """Return the full-text expression for the corporations that have the word in a name: the word without its
        legal form if two or more characters remain, otherwise with it. Return None if the word has no pair of
        characters."""
        parts = (
            bare_name if len(bare_name) > 1 else name
            for name, bare_name in zip(word.names, word.bare_names, strict=True)
        )
        return _join_expressions(
            "OR", [self._make_all_terms_expression(list_character_pairs(part)) for part in parts]
        )

    def _make_address_expression(self, address: str) -> str | None:
        """Return the full-text expression for the corporations whose address contains `address`. If `address` ends
        with a digit of a number, it may be the beginning of a longer number: 甲1 also finds 甲12番地. Return None if
        the text has no pair of characters besides its numbers."""
        terms = list_terms_of_folded_address(address)
        if not terms:
            return None
        if not self._requires_numbers:
            return self._make_all_terms_expression(terms, _MAX_TERMS_WITHOUT_NUMBERS)
        numbers = [f'"{term}"' for term in list_number_terms(address)]
        if numbers and address[-1].isdigit() and not address.rpartition("-")[2].isdigit():
            numbers[-1] = f'({numbers[-1]} OR "{make_number_beginning_term(list_number_terms(address)[-1])}")'
        return _join_expressions("AND", [self._make_all_terms_expression(terms, _MAX_TERMS), *numbers])

    def _make_anywhere_expression(self, word: SearchWord) -> str | None:
        """Return the full-text expression for the corporations with the word in any of their texts: name, address or
        post code. Return None if the word has no terms for any of them."""
        return _join_expressions("OR", self._list_anywhere_expressions(word))

    def _list_anywhere_expressions(self, word: SearchWord) -> list[str | None]:
        """Return two full-text expressions: one for the corporations with the word in a name, one for those with the
        word in the address or post code. An expression is None if the word has no terms for such texts."""
        return [self._make_part_expression(word), self._make_word_expression(word, Rank.ELSEWHERE)]

    def _make_all_terms_expression(self, terms: Sequence[str], max_terms: int = _MAX_NAME_TERMS) -> str | None:
        """Return the full-text expression for the corporations that have all of these terms; None without terms.
        Terms that are parts of legal forms are left out if there are other terms.

        Only the `max_terms` rarest terms are used, because the list of each frequent term takes time. If the registry
        has no counts of its terms, at least _MAX_TERMS terms are used if there are so many, and pairs of katakana
        count as the most frequent ones."""
        different_terms = list(dict.fromkeys(terms))
        usual_terms = [term for term in different_terms if term not in CHARACTER_PAIRS_OF_LEGAL_FORMS]
        telling_terms = [
            term
            for term in usual_terms or different_terms
            if not _is_covered_by_start_or_end_term(term, different_terms)
        ]
        if self._row_counts:
            telling_terms.sort(key=lambda term: self._row_counts.get(term, 0))
        else:
            telling_terms.sort(key=_is_katakana_pair)
        chosen_terms = telling_terms[: max_terms if self._row_counts else max(max_terms, _MAX_TERMS)]
        return _join_expressions("AND", [f'"{term}"' for term in chosen_terms])


def _list_indexed_words(words: Iterable[SearchWord]) -> list[SearchWord]:
    """Return the words by which the index is searched, out of the given words. Words of one character and legal forms
    are left out. Words that consist of characters of legal forms are left out, too, if other words remain, because
    most names contain such characters."""
    indexed_words = [
        word for word in words if word.post_code or (len(word.names[0]) > 1 and not is_legal_form(word.names[0]))
    ]
    rarer_words = [
        word
        for word in indexed_words
        if word.post_code or not CHARACTER_PAIRS_OF_LEGAL_FORMS.issuperset(list_character_pairs(word.names[0]))
    ]
    return rarer_words or indexed_words


def _is_covered_by_start_or_end_term(pair: str, terms: Collection[str]) -> bool:
    """True if one of the `terms` is the character pair `pair` at the start (`^pair`) or at the end (`pair$`) of a
    name. Each corporation with such a term also has the pair itself, so the index needn't be searched for `pair`.
    """
    return f"^{pair}" in terms or f"{pair}$" in terms


def _is_katakana_pair(term: str) -> bool:
    """True if the term consists of two katakana and has no prefix or suffix."""
    return len(term) == 2 and min(term) >= "ァ" and max(term) <= "ヺ"


def _join_expressions(sql_operator: str, expressions: Iterable[str | None]) -> str | None:
    """Return the expressions joined by `sql_operator` (AND or OR), each once and without None; None if there are
    none."""
    present_expressions = list(dict.fromkeys(expression for expression in expressions if expression is not None))
    if len(present_expressions) < 2:
        return present_expressions[0] if present_expressions else None
    return "(" + f" {sql_operator} ".join(present_expressions) + ")"
