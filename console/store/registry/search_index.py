"""The search index of registry.db: the terms of corporations, and the tables of terms.

A term is a pair of neighbouring characters of a comparison form (`console.domain.registry.spelling`). Terms of
names (name, furigana and English name) have no prefix; `^` and `$` mark the pair at the beginning and end of a
name without its legal form. Terms of the address begin with `@` (those of the beginning of a number end with `~`),
of the post code with `#`, of the prefecture with `=`.

Open and closed corporations have a table each, because a search reads the open ones first, in the order of row
ids, and stops as soon as it has enough. The tables store no text (`content=''`) and no positions (`detail=none`),
so a search verifies the rows that the terms find. A row is removed by giving its terms again, so the version of
the tables (`schema.FORMAT_VERSION`) must change if `make_terms` changes.

Hidden and deleted corporations are not in the index.
"""

import re
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain, islice
from operator import add
from typing import TypeAlias

from console.domain.registry.legal_forms import remove_english_legal_form, remove_legal_form
from console.domain.registry.spelling import fold_text, list_readings
from console.store.registry.folded_texts import list_name_readings, split_off_digits

OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE = "open_terms", "closed_terms"
_INDEX_TOKENIZER = "ascii tokenchars ''^$@#=~''"
_BULK_LOAD_HASH_BYTES = 24 * 1024**2
_UNITS_OF_ADDRESSES = frozenset({"丁目", "番地", "番", "号", "番地ノ", "番丁", "号室", "階", "f"})
_ROWS_PER_BATCH = 2_000
_POST_CODE_DIGITS = 7
_NUMBER_PATTERN = re.compile(r"([^\W\d_目番地号])(\d{1,6})(?!\d)")
_FIXED_WIDTH_ENCODING = "utf-32-le"  # four bytes for each character
_DIGITS_TO_SPACES = str.maketrans(dict.fromkeys("0123456789", " "))


def create_search_index(connection: sqlite3.Connection) -> None:
    """Create the empty tables of the search index that don't exist yet."""
    for table in (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE):
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5"
            f"(terms, content='', detail=none, columnsize=0, tokenize='{_INDEX_TOKENIZER}')"
        )


def begin_bulk_load(connection: sqlite3.Connection) -> None:
    """Prepare the tables of the index for a bulk load: they collect many terms in memory before they write, and
    don't merge the written parts."""
    for table in (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE):
        _set_option(connection, table, "hashsize", _BULK_LOAD_HASH_BYTES)
        _set_option(connection, table, "automerge", 0)
        _set_option(connection, table, "crisismerge", 1000)


def end_bulk_load(connection: sqlite3.Connection) -> None:
    """Merge the parts that a bulk load has written, so that a search reads each term in one place. Then set the
    options of the tables back."""
    for table in (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608  # our own table
        _set_option(connection, table, "hashsize", 1024**2)
        _set_option(connection, table, "automerge", 4)
        _set_option(connection, table, "crisismerge", 16)


def index_all_rows(connection: sqlite3.Connection, after: int, limit: int) -> int | None:
    """Add the next `limit` corporations with a row id above `after` to the search index. Return the last of their row
    ids; None if there was no further corporation."""
    last_id = connection.execute(_LAST_ID_OF_BATCH_QUERY, (after, limit)).fetchone()[0]
    if last_id is not None:
        _add_rows(
            connection,
            connection.execute(
                f"{_CORPORATION_TEXTS_QUERY} AND c.id > ? AND c.id <= ? ORDER BY c.id", (after, last_id)
            ),
        )
    return None if last_id is None else int(last_id)


def index_rows(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Add the corporations with these row ids to the search index, with their present texts. A caller that changes
    rows calls `unindex_rows` before and this function after it. One call for many rows is much faster than many
    calls.
    """
    _add_rows(connection, _read_texts(connection, ids))


def unindex_rows(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Remove the corporations with these row ids from the search index. Their rows must still have the texts with
    which they were added."""
    _write_rows(
        connection, _read_texts(connection, ids), "INSERT INTO {0} ({0}, rowid, terms) VALUES ('delete', ?, ?)"
    )


_LAST_ID_OF_BATCH_QUERY = "SELECT max(id) FROM (SELECT id FROM corporations WHERE id > ? ORDER BY id LIMIT ?)"
_CORPORATION_TEXTS_QUERY = """
    SELECT c.id, c.name, c.furigana, c.english_name, p.prefecture_code, p.prefecture || p.city,
        c.street || c.address_outside, c.post_code, c.folded_names, c.closed_on IS NOT NULL
    FROM corporations c JOIN places p ON p.id = c.place_id WHERE NOT c.is_hidden
"""
TextsRow: TypeAlias = tuple[int, str, str, str, str, str, str, int | None, str | None, int]
"""Row id, name, furigana, English name, prefecture code, prefecture and city, street, post code, `folded_names` (None
in a row of FORMAT_VERSION 2), and 1 for a closed corporation, otherwise 0.
"""


def _read_texts(connection: sqlite3.Connection, ids: Iterable[int]) -> Iterator[TextsRow]:
    for row_id in sorted(ids):
        yield from connection.execute(f"{_CORPORATION_TEXTS_QUERY} AND c.id = ?", (row_id,))


def _add_rows(connection: sqlite3.Connection, rows: Iterable[TextsRow]) -> None:
    _write_rows(connection, rows, "INSERT INTO {0} (rowid, terms) VALUES (?, ?)")


def _write_rows(connection: sqlite3.Connection, rows: Iterable[TextsRow], statement: str) -> None:
    remaining_rows = iter(rows)
    while batch := list(islice(remaining_rows, _ROWS_PER_BATCH)):
        for table, is_closed in ((OPEN_TERMS_TABLE, 0), (CLOSED_TERMS_TABLE, 1)):
            if of_table := [row for row in batch if row[9] == is_closed]:
                ids = [row[0] for row in of_table]
                connection.executemany(statement.format(table), zip(ids, make_terms(of_table), strict=True))


def make_terms(rows: Sequence[TextsRow]) -> list[str]:
    """Return all terms of each of these corporations, separated by spaces. One call for many rows is faster than many
    calls."""
    streets, _ = split_off_digits([row[6] for row in rows])
    readings = [_list_readings(row) for row in rows]
    pairs = iter(_join_character_pairs(list(chain.from_iterable(readings))))
    return [
        _make_terms_of_row(row, street, of_row, pairs)
        for row, street, of_row in zip(rows, streets, readings, strict=True)
    ]


def _make_terms_of_row(row: TextsRow, street: str, readings: Sequence[str], pairs: Iterator[str]) -> str:
    """Return the terms of a corporation. `street` is its street with 0 in place of each digit; `pairs` yields the
    joined character pairs of each of its readings."""
    _, _, _, english_name, prefecture_code, place, numbered_street, post_code, *_ = row
    street_terms, numbers = _make_street_terms(place[-1:], street)
    terms = [_make_place_terms(prefecture_code, place), street_terms]
    terms += [
        _make_number_terms(character_before, numbered_street[start:end]) for character_before, start, end in numbers
    ]
    if post_code is not None:
        terms.append(_make_post_code_terms(post_code))
    if english_name:
        terms += list_character_pairs(fold_text(english_name))
    for reading in readings:
        bare_name = remove_legal_form(reading)
        terms += (next(pairs), f"^{bare_name[:2]} {bare_name[-2:]}$")
    return " ".join(terms)


def _list_readings(row: TextsRow) -> list[str]:
    _, name, furigana, english_name, *_, folded_names, _ = row
    readings = list_name_readings(name, furigana, folded_names)
    return [*readings, *list_readings(remove_english_legal_form(english_name))] if english_name else readings


def _join_character_pairs(texts: Sequence[str]) -> list[str]:
    """Return the pairs of neighbouring characters of each text, separated by spaces. The pairs of all texts are made
    together, because a string for each pair would take several times as long."""
    characters = array("I", "\n".join(texts).encode(_FIXED_WIDTH_ENCODING))
    count = max(len(characters) - 1, 0)
    joined_characters = array("I", " ".encode(_FIXED_WIDTH_ENCODING)) * (3 * count)
    joined_characters[0::3], joined_characters[1::3] = characters[:-1], characters[1:]
    pairs = joined_characters.tobytes().decode(_FIXED_WIDTH_ENCODING)
    ends = accumulate(len(text) + 1 for text in texts)
    return [
        pairs[3 * (end - len(text) - 1) : 3 * (end - 2) - 1] if len(text) > 1 else ""
        for text, end in zip(texts, ends, strict=True)
    ]


@lru_cache(4096)
def _make_place_terms(prefecture_code: str, place: str) -> str:
    return " ".join((f"={prefecture_code}", *list_address_terms(place)))


@lru_cache(32_768)
def _make_street_terms(character_before: str, street: str) -> tuple[str, Sequence[tuple[str, int, int]]]:
    """Return the terms of a street without its numbers, separated by spaces, and its numbers: for each one the
    character before it in comparison form, and its start and end in the street. All digits of `street` are 0, so
    that the cache has one entry for many streets. `character_before` is the character before the street.
    """
    numbers = [(_fold_character(match[1]), *match.span(2)) for match in _NUMBER_PATTERN.finditer(street)]
    return " ".join(list_address_terms(character_before + street)), numbers


def list_character_pairs(folded_text: str) -> list[str]:
    """Return the pairs of neighbouring characters of a text in its comparison form."""
    return list(map(add, folded_text, folded_text[1:]))


def list_edge_terms(bare_name: str) -> tuple[str, str]:
    """Return two search terms of a corporation's name: one for its first two characters, one for its last two.
    `bare_name` is the name in comparison form, without its legal form."""
    return f"^{bare_name[:2]}", f"{bare_name[-2:]}$"


def list_address_terms(text: str) -> list[str]:
    """Return the terms of an address, or of a part of one, without its numbers and their units (such as 丁目)."""
    parts = list_readings(text)[-1].translate(_DIGITS_TO_SPACES).split()
    return [f"@{pair}" for part in parts if part not in _UNITS_OF_ADDRESSES for pair in list_character_pairs(part)]


def list_number_terms(text: str) -> list[str]:
    """Return the search terms of the numbers in an address. A term is `@`, the character before the number, and the
    number: `@田2` of 梅田２丁目４番９号. A number that follows a unit, such as ４ after 丁目, has no term,
    because such terms are too frequent.
    """
    return [
        f"@{_fold_character(character_before)}{int(digits)}"
        for character_before, digits in _NUMBER_PATTERN.findall(text)
    ]


_fold_character = lru_cache(8192)(fold_text)


def make_beginning_term(term: str) -> str:
    """Return the term that finds every longer number that begins with the number of `term`: `@甲1~` for `@甲1` also
    finds 甲12番地.

    A typed address may end inside a number. The index finds such a term much faster than all terms with a common
    beginning.
    """
    return f"{term}~"


@lru_cache(32_768)
def _make_number_terms(character_before: str, digits: str) -> str:
    start, number = f"@{character_before}", str(int(digits))
    return " ".join((start + number, *(make_beginning_term(start + number[:end]) for end in range(1, len(number)))))


@lru_cache(8192)
def _make_post_code_terms(post_code: int) -> str:
    return " ".join(list_post_code_terms(f"{post_code:07}"))


def list_post_code_terms(digits: str) -> list[str]:
    """Return the terms of a post code: of its first three digits and, if it has all seven digits, of the whole."""
    return [f"#{digits[:3]}", f"#{digits}"] if len(digits) == _POST_CODE_DIGITS else [f"#{digits[:3]}"]


_SET_INDEX_OPTION_SQL = "INSERT INTO {0} ({0}, rank) VALUES (?, ?)"


def _set_option(connection: sqlite3.Connection, table: str, option: str, value: int) -> None:
    connection.execute(_SET_INDEX_OPTION_SQL.format(table), (option, value))
