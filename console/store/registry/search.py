"""Finds corporations by a typed text (`console.domain.registry_queries`), the best first.

A search runs in steps, one for each rank: the whole official name with its legal form, the name without it, the
beginning of a name, a part of a name, and the rest (addresses and post codes). Each step reads the index of open
corporations in the order of row ids and then that of closed ones, verifies the texts of what it reads, and stops as
soon as there are enough. Of these the shortest name, the closest to what was typed, comes first. So a frequent text
costs little more than a rare one. Numbers of ours are ranked before all others, by the same rules.
"""

import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice

from console.domain.registry.corporations import Corporation
from console.domain.registry.legal_forms import is_form, remove_english_form, remove_form
from console.domain.registry.spelling import fold_address, fold_text, list_readings
from console.domain.registry_queries import QueryKind, RegistryQuery, SearchWord
from console.store.registry.search_index import (
    CLOSED,
    OPEN,
    list_address_terms,
    list_edge_terms,
    list_number_terms,
    list_pairs,
    list_post_code_terms,
)

ReadCorporation = Callable[[int], Corporation | None]
"""Returns the corporation of a row id; None if an import has deleted the row, but not its terms."""
MOST_CANDIDATES = 1_000
"""Rows of the index that one search verifies at most. Only texts whose pairs of characters are frequent, but not
together, have more: then matches may be missing."""
_PAIRS_OF_FORMS = frozenset(("株式", "式会", "会社", "有限", "限会", "合同", "同会"))
_MOST_TERMS, _FEWEST_KANA = 6, 1
_DIGITS = 13


class Rank(IntEnum):
    """How well a corporation matches; lower is better."""

    WHOLE_NAME = 0
    NAME = 1
    BEGINNING = 2
    PART = 3
    ELSEWHERE = 4


def search(
    connection: sqlite3.Connection,
    read: ReadCorporation,
    query: RegistryQuery,
    prefecture_code: str | None,
    limit: int,
    ours: Sequence[Corporation] = (),
) -> tuple[Corporation, ...]:
    """Return at most `limit` corporations that match the query, the best first; those of `ours` that match before all
    others. Hidden corporations are found by their complete number only.
    """
    if query.kind is QueryKind.EMPTY:
        return ()
    found = {one.number: one for one in _rank_ours(ours, query, prefecture_code)}
    for one in _find_others(connection, read, query, prefecture_code, limit, found):
        if len(found) >= limit:
            break
        found.setdefault(one.number, one)
    return tuple(islice(found.values(), limit))


def _rank_ours(ours: Iterable[Corporation], query: RegistryQuery, prefecture_code: str | None) -> list[Corporation]:
    ranked = [
        (rank, one.closure is not None, one.number, one)
        for one in ours
        if not one.is_hidden and prefecture_code in (None, one.prefecture_code)
        if (rank := rank_corporation(one, query)) is not None
    ]
    return [one for *_, one in sorted(ranked, key=lambda entry: entry[:3])]


def _find_others(
    connection: sqlite3.Connection,
    read: ReadCorporation,
    query: RegistryQuery,
    prefecture_code: str | None,
    limit: int,
    found: Container[str],
) -> Iterator[Corporation]:
    """Yield the corporations by rank; in each rank at most `limit` that the caller hasn't found before."""
    if query.number is not None:
        yield from _read_all(read, connection.execute(_BY_NUMBER, (int(query.number),)))
    budget = _Budget(MOST_CANDIDATES)
    few = _find_few(connection, read, query, prefecture_code, limit * 2)
    if few is not None:
        yield from few
        return
    for rank in Rank:
        for table in (OPEN, CLOSED):
            matches = _find_ranked(connection, read, query, prefecture_code, rank, table, budget)
            new = (one for one in matches if one.number not in found)
            yield from sorted(islice(new, limit), key=_length_of_name)
        if rank is Rank.NAME and query.digits:
            yield from _find_by_digits(connection, read, query.digits, prefecture_code)


def _find_few(
    connection: sqlite3.Connection,
    read: ReadCorporation,
    query: RegistryQuery,
    prefecture_code: str | None,
    limit: int,
) -> list[Corporation] | None:
    """Return all matches, the best first, if the index has at most `limit` candidates of any rank: then one reading
    is enough. Return None if there are more.
    """
    if query.digits:
        return None
    shortest = min(map(len, query.whole.bare_names))  # the terms of a part are among those of a name, if it has pairs
    ranks = (Rank.PART, Rank.ELSEWHERE) if shortest > 1 else (Rank.NAME, Rank.PART, Rank.ELSEWHERE)
    expression = _join("OR", [write_expression(query, rank) for rank in ranks])
    if expression is None:
        return []
    candidates: list[tuple[int]] = []
    for table in (OPEN, CLOSED):
        candidates += islice(_read_ids(connection, table, expression, prefecture_code), limit + 1)
        if len(candidates) > limit:
            return None
    ranked = [
        (rank, one.closure is not None, _length_of_name(one), one)
        for one in _read_all(read, candidates)
        if (rank := rank_corporation(one, query)) is not None
    ]
    return [one for *_, one in sorted(ranked, key=lambda entry: entry[:3])]


def _read_ids(
    connection: sqlite3.Connection, table: str, expression: str, prefecture_code: str | None
) -> Iterator[tuple[int]]:
    if prefecture_code is not None:
        expression = f'"={prefecture_code}" AND ({expression})'
    statement = f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rowid"  # noqa: S608  # our own table
    return connection.execute(statement, (expression,))


def _length_of_name(one: Corporation) -> int:
    return len(remove_form(one.name))


_BY_NUMBER = "SELECT id FROM corporations WHERE number = ?"
_BY_DIGITS = """
    SELECT id FROM corporations WHERE number BETWEEN ? AND ? AND NOT is_hidden
    ORDER BY closed_on IS NOT NULL, number
"""


def _read_all(read: ReadCorporation, rows: Iterable[tuple[int]]) -> Iterator[Corporation]:
    return (one for (row_id,) in rows if (one := read(row_id)) is not None)


class _Budget:
    """The number of rows that a search may still verify."""

    def __init__(self, rows: int) -> None:
        self.rows = rows


def _find_ranked(
    connection: sqlite3.Connection,
    read: ReadCorporation,
    query: RegistryQuery,
    prefecture_code: str | None,
    rank: Rank,
    table: str,
    budget: _Budget,
) -> Iterator[Corporation]:
    """Yield the corporations of one index that have this rank or a better one."""
    expression = write_expression(query, rank)
    if expression is None:
        return
    for (row_id,) in _read_ids(connection, table, expression, prefecture_code):
        if budget.rows == 0:
            return
        budget.rows -= 1
        one = read(row_id)
        found_rank = None if one is None else rank_corporation(one, query)
        if one is not None and found_rank is not None and found_rank <= rank:
            yield one


# The expressions of the index


def write_expression(query: RegistryQuery, rank: Rank) -> str | None:
    """Return the full-text expression that all corporations of this rank match, and few others; None if there are
    none of this rank.
    """
    alternatives = [_write_word(query.whole, rank)]
    words = _list_indexed(query.words)
    anywhere = [_write_anywhere(word) for word in words]
    for position, word in enumerate(words):
        others = [*anywhere[:position], *anywhere[position + 1 :]]
        best = _write_word(word, rank)
        if best is not None and None not in others:
            alternatives.append(_join("AND", [best, *others]))
    if rank >= Rank.PART and query.pieces:
        pieces = [_write_anywhere(piece) for piece in _list_indexed(query.pieces)]
        alternatives.append(None if None in pieces else _join("AND", pieces))
    return _join("OR", alternatives)


def _list_indexed(words: Iterable[SearchWord]) -> list[SearchWord]:
    """Return the words by which the index is read. Not by single characters, and not by legal forms alone."""
    return [word for word in words if word.post_code or (len(word.names[0]) > 1 and not is_form(word.names[0]))]


def _write_word(word: SearchWord, rank: Rank) -> str | None:
    """Return the expression of what has a word at this rank."""
    match rank:
        case Rank.WHOLE_NAME:
            pairs = zip(word.names, word.bare_names, strict=True)
            return _join("OR", [_write_name(bare, name) for name, bare in pairs if name != bare])
        case Rank.NAME:
            return _join("OR", [_write_name(bare, bare) for bare in word.bare_names if bare])
        case Rank.BEGINNING:
            begun = [*word.bare_names, *word.names]
            return _join("OR", [_write_beginning(bare) for bare in dict.fromkeys(begun) if len(bare) > 1])
        case Rank.PART:
            return _write_part(word)
        case Rank.ELSEWHERE:
            post_code = list_post_code_terms(word.post_code) if word.post_code else []
            return _join("OR", [_write_address(word.address), _all_of(post_code)])


def _write_name(bare: str, name: str) -> str | None:
    return _all_of([*list_edge_terms(bare), *list_pairs(name)])


def _write_beginning(bare: str) -> str | None:
    return _all_of([list_edge_terms(bare)[0], *list_pairs(bare)[1:]])


def _write_part(word: SearchWord) -> str | None:
    parts = (bare if len(bare) > 1 else name for name, bare in zip(word.names, word.bare_names, strict=True))
    return _join("OR", [_all_of(list_pairs(part)) for part in parts])


def _write_address(address: str) -> str | None:
    """Return the expression of what has an address; a number at its end may be the beginning of a longer one."""
    terms = list_address_terms(address.replace("-", " ")) if len(address) > 1 else []
    numbers = [f'"{term}"' for term in list_number_terms(address)]
    if numbers and address[-1].isdigit() and "-" not in address:
        numbers[-1] += " *"
    return _join("AND", [_all_of(terms), *numbers]) if terms else None


def _write_anywhere(word: SearchWord) -> str | None:
    return _join("OR", [_write_part(word), _write_word(word, Rank.ELSEWHERE)])


def _all_of(terms: Sequence[str]) -> str | None:
    """Return the expression of what has all the terms. Of many terms some are enough, because a search verifies what
    it finds: first those that aren't two kana, which are rarer, then others spread over the text.
    """
    usual = [term for term in dict.fromkeys(terms) if term not in _PAIRS_OF_FORMS]
    different = sorted(usual or dict.fromkeys(terms), key=_is_kana)
    rare = [term for term in different if not _is_kana(term)][:_MOST_TERMS]
    frequent = different[len(rare) :]
    step = -(-len(frequent) // max(_FEWEST_KANA, _MOST_TERMS - len(rare))) or 1
    return _join("AND", [f'"{term}"' for term in (*rare, *frequent[::step])])


def _is_kana(term: str) -> bool:
    return len(term) == 2 and min(term) >= "ァ" and max(term) <= "ヺ"


def _join(operator: str, expressions: Iterable[str | None]) -> str | None:
    present = list(dict.fromkeys(one for one in expressions if one is not None))
    if len(present) < 2:
        return present[0] if present else None
    return "(" + f" {operator} ".join(present) + ")"


# The rank of a corporation


@dataclass(frozen=True, slots=True)
class _Texts:
    """A corporation's texts in their comparison forms."""

    names: tuple[str, ...]
    bare_names: tuple[str, ...]
    address: str
    post_code: str


def rank_corporation(one: Corporation, query: RegistryQuery) -> Rank | None:
    """Return how well a corporation matches; None if it doesn't."""
    texts = _fold_texts(one)
    ranks = [_rank_word(texts, query.whole), _rank_words(texts, query.words)]
    pieces = _rank_words(texts, query.pieces)
    ranks.append(None if pieces is None else max(pieces, Rank.PART))
    if query.digits and query.digits in (one.number[: len(query.digits)], one.number[1 : 1 + len(query.digits)]):
        ranks.append(Rank.NAME)
    return min((rank for rank in ranks if rank is not None), default=None)


def _fold_texts(one: Corporation) -> _Texts:
    names = [*list_readings(one.name), *(list_readings(one.furigana) if one.furigana else ())]
    bare_names = [remove_form(name) for name in names]
    if one.english_name:
        names.append(fold_text(one.english_name))
        bare_names += list_readings(remove_english_form(one.english_name))
    return _Texts(tuple(names), tuple(bare_names), fold_address(one.address), one.post_code)


def _rank_words(texts: _Texts, words: Sequence[SearchWord]) -> Rank | None:
    """Return the best rank of the words if the corporation has each of them."""
    ranks = [rank for word in words if (rank := _rank_word(texts, word)) is not None]
    return min(ranks) if ranks and len(ranks) == len(words) else None


def _rank_word(texts: _Texts, word: SearchWord) -> Rank | None:
    if not word.names or not word.names[0]:
        return None
    if word.names != word.bare_names and any(name in texts.names for name in word.names):
        return Rank.WHOLE_NAME
    if any(bare in texts.bare_names for bare in word.bare_names):
        return Rank.NAME
    wanted = tuple(dict.fromkeys((*word.bare_names, *word.names)))
    if any(name.startswith(wanted) for name in texts.bare_names + texts.names[:1]):
        return Rank.BEGINNING
    if any(part in name for part in wanted for name in texts.names):
        return Rank.PART
    is_there = (word.address and word.address in texts.address) or (
        word.post_code and texts.post_code.startswith(word.post_code)
    )
    return Rank.ELSEWHERE if is_there else None


def _find_by_digits(
    connection: sqlite3.Connection, read: ReadCorporation, digits: str, prefecture_code: str | None
) -> Iterator[Corporation]:
    """Yield the corporations whose number begins with these digits, with or without its check digit."""
    for beginning in (digits, *(f"{check}{digits}" for check in range(1, 10))):
        if len(beginning) > _DIGITS:
            continue
        missing = _DIGITS - len(beginning)
        first = int(beginning) * 10**missing
        for one in _read_all(read, connection.execute(_BY_DIGITS, (first, first + 10**missing - 1))):
            if prefecture_code in (None, one.prefecture_code):
                yield one
