"""The search index of registry.db: the terms of corporations, and the tables of terms.

A term is a pair of neighbouring characters of a comparison form (`console.domain.registry.spelling`). Terms of names
(name, furigana and English name) have no prefix. `^` and `$` mark the pair at the beginning and the pair at the end
of a name without its legal form. Terms of the address begin with `@`, terms of the post code with `#`, terms of the
prefecture with `=`. The term of the beginning of a number in an address ends with `~`. Open and closed corporations
have a table each, because a search reads the open ones first, in the order of row ids, and stops as soon as it has
enough. The tables store no text (`content=''`) and no positions (`detail=none`), so a search verifies the rows that
the terms find. To remove a row from a table, the program must state its terms again. So the version of the tables
(`schema.FORMAT_VERSION`) must change if the terms change. Hidden corporations (the publisher excludes them from
search) and deleted ones are not in the index.
"""

import re
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress, count, islice, zip_longest
from operator import add
from typing import NamedTuple, TypeAlias

from console.domain.registry.legal_forms import remove_english_legal_form, remove_legal_forms
from console.domain.registry.spelling import ComparisonForms, fold_text, list_comparison_forms
from console.store.registry.file_rows import FileColumns
from console.store.registry.folded_texts import FoldedColumns, list_name_readings, separate_digits

OPEN_TERMS_TABLE = "open_terms"
CLOSED_TERMS_TABLE = "closed_terms"
_INDEX_TOKENIZER = "ascii tokenchars ''^$@#=~''"
_BULK_LOAD_HASH_BYTES = 24 * 1024**2
"""Memory (bytes) in which a table of the search index collects terms during a bulk load."""
_MIN_ROWS_OF_FREQUENT_TERM = 1_000
"""Number of rows from which on a term counts as frequent."""
_UNITS_OF_ADDRESSES = frozenset({"丁目", "番地", "番", "号", "番地ノ", "番丁", "号室", "階", "f"})
"""Units of numbers in addresses, in comparison form. The index has no search terms for them."""
_ROWS_PER_BATCH = 2_000
_POST_CODE_DIGITS = 7
_NUMBER_PATTERN = re.compile(r"([^\W\d_目番地号])(\d{1,6})(?!\d)")
_FIXED_WIDTH_ENCODING = "utf-32-le"  # four bytes for each character
_DIGITS_AND_HYPHENS_TO_SPACES = str.maketrans(dict.fromkeys("0123456789-", " "))


def create_search_index(connection: sqlite3.Connection) -> None:
    """Create the empty tables of the search index that don't exist yet."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS frequent_terms (term TEXT PRIMARY KEY, row_count INTEGER NOT NULL) WITHOUT ROWID"
    )
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
    """Merge the parts that a bulk load has written, so that a search reads each term in one part only. Then set the
    options of the tables that `begin_bulk_load` has changed back to the values for single changes.
    """
    for table in (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608  # our own table
        _set_option(connection, table, "hashsize", 1024**2)
        _set_option(connection, table, "automerge", 4)
        _set_option(connection, table, "crisismerge", 16)


def store_frequent_term_counts(connection: sqlite3.Connection) -> None:
    """Store, for each frequent term (in at least _MIN_ROWS_OF_FREQUENT_TERM rows), the number of open corporations
    that have it. By these numbers a search chooses the rarest terms of a text. The import of a difference doesn't
    change them.
    """
    connection.execute("DELETE FROM frequent_terms")
    connection.execute(f"CREATE VIRTUAL TABLE temp.counted_terms USING fts5vocab(main, {OPEN_TERMS_TABLE}, row)")
    connection.execute(
        "INSERT INTO frequent_terms SELECT term, doc FROM temp.counted_terms WHERE doc >= ?",
        (_MIN_ROWS_OF_FREQUENT_TERM,),
    )
    connection.execute("DROP TABLE temp.counted_terms")


def read_frequent_terms(connection: sqlite3.Connection) -> dict[str, int]:
    """Return, for each frequent term of the search index, the number of open corporations that had it when the
    registry was built. The dict is empty if no term is frequent, or if an earlier program, which didn't count them,
    has built the registry."""
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'frequent_terms'").fetchone():
        return {}
    return dict(connection.execute("SELECT term, row_count FROM frequent_terms").fetchall())


def index_new_rows(
    connection: sqlite3.Connection, first_id: int, columns: FileColumns, folded_columns: FoldedColumns
) -> None:
    """Add to the search index the corporations whose rows were just inserted from the columns of a source file. Their
    row ids are `first_id` and the numbers after it. `folded_columns` are the comparison forms of the columns."""
    terms = make_terms_of_columns(columns, folded_columns)
    for table, is_closed in _IS_CLOSED_BY_TABLE.items():
        is_of_table = [
            is_hidden != "1" and bool(close_date) is is_closed
            for close_date, is_hidden in zip(columns.close_date, columns.hihyoji, strict=True)
        ]
        connection.executemany(_INSERT_TERMS_SQL.format(table), compress(zip(count(first_id), terms), is_of_table))


def index_rows(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Add the corporations with these row ids to the search index, with their present texts. A caller that changes
    rows calls `unindex_rows` before and this function after it. One call for many rows is much faster than many
    calls.
    """
    _add_or_remove_terms(connection, _read_indexed_texts(connection, ids), _INSERT_TERMS_SQL)


def unindex_rows(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Remove the corporations with these row ids from the search index. The rows in the table must still have the
    texts, the closing date and the mark of a hidden corporation with which they were added to the index."""
    _add_or_remove_terms(connection, _read_indexed_texts(connection, ids), _DELETE_TERMS_SQL)


_CORPORATION_TEXTS_QUERY = """
    SELECT c.id, c.name, c.furigana, c.english_name, p.prefecture_code, p.prefecture || p.city,
        c.street || c.address_outside, c.post_code, c.folded_names, c.closed_on IS NOT NULL
    FROM corporations c JOIN places p ON p.id = c.place_id WHERE NOT c.is_hidden
"""
TextsRow: TypeAlias = tuple[int, str, str, str, str, str, str, int | None, str | None, int]
"""Row id, name, furigana, English name, prefecture code, prefecture and city, street, post code, `folded_names` (None
in a row of FORMAT_VERSION 2), and 1 for a closed corporation, otherwise 0.
"""


def _read_indexed_texts(connection: sqlite3.Connection, ids: Iterable[int]) -> Iterator[TextsRow]:
    for row_id in sorted(ids):
        yield from connection.execute(f"{_CORPORATION_TEXTS_QUERY} AND c.id = ?", (row_id,))


_INSERT_TERMS_SQL = "INSERT INTO {0} (rowid, terms) VALUES (?, ?)"
_DELETE_TERMS_SQL = "INSERT INTO {0} ({0}, rowid, terms) VALUES ('delete', ?, ?)"
_IS_CLOSED_BY_TABLE = {OPEN_TERMS_TABLE: False, CLOSED_TERMS_TABLE: True}


def _add_or_remove_terms(connection: sqlite3.Connection, rows: Iterable[TextsRow], statement: str) -> None:
    """Add the terms of these rows to the index, or remove them: run `statement` (_INSERT_TERMS_SQL or
    _DELETE_TERMS_SQL) for each row, on the table of open or of closed corporations to which the row belongs."""
    remaining_rows = iter(rows)
    while batch := list(islice(remaining_rows, _ROWS_PER_BATCH)):
        for table, is_closed in _IS_CLOSED_BY_TABLE.items():
            if of_table := [row for row in batch if row[9] == is_closed]:
                ids = [row[0] for row in of_table]
                connection.executemany(statement.format(table), zip(ids, make_terms_of_rows(of_table), strict=True))


class _IndexedTexts(NamedTuple):
    """The texts of corporations from which their terms are made, as columns with one text per corporation. `readings`
    are several columns with the comparison forms of name and furigana; a corporation with fewer forms has None in
    some of them. The other columns are the English name, the prefecture's code, prefecture and city, street and
    address abroad, and the post code (7 digits or empty).
    """

    readings: Sequence[Sequence[str | None]]
    english_names: Sequence[str]
    prefecture_codes: Sequence[str]
    prefecture_and_city_texts: Sequence[str]
    streets: Sequence[str]
    post_codes: Sequence[str]


def make_terms_of_columns(columns: FileColumns, folded_columns: FoldedColumns) -> list[str]:
    """Return all terms of each of the corporations in the columns of a source file, separated by spaces.
    `folded_columns` are the comparison forms of the columns. The stored rows have the same terms
    (`make_terms_of_rows`)."""
    return _make_terms(
        _IndexedTexts(
            [
                *_list_columns_of_first_and_second_readings(columns.name, folded_columns.names),
                *_list_columns_of_first_and_second_readings(columns.furigana, folded_columns.furigana),
            ],
            columns.en_name,
            columns.prefecture_code,
            folded_columns.prefecture_and_city_texts,
            list(map(add, columns.street_number, columns.address_outside)),
            columns.post_code,
        )
    )


def _list_columns_of_first_and_second_readings(
    texts: Sequence[str], forms: ComparisonForms
) -> list[list[str | None]]:
    """Return a column with the comparison form of each text (None for an empty text). If any text has a second
    reading (with ケ read as ガ, for example), also return a column with the second readings (None for a text without
    one)."""
    first_readings = [
        folded_text if text else None for text, folded_text in zip(texts, forms.folded_texts, strict=True)
    ]
    if not forms.second_readings:
        return [first_readings]
    return [first_readings, list(map(forms.second_readings.get, range(len(texts))))]


def make_terms_of_rows(rows: Sequence[TextsRow]) -> list[str]:
    """Return all terms of each of these stored corporations, separated by spaces. `rows` must not be empty. One call
    for many corporations is faster than many calls."""
    _, names, furigana, english_names, prefecture_codes, places, streets, post_codes, folded_names, _ = zip(
        *rows, strict=True
    )
    return _make_terms(
        _IndexedTexts(
            list(zip_longest(*map(list_name_readings, names, furigana, folded_names))),
            english_names,
            prefecture_codes,
            places,
            streets,
            ["" if post_code is None else f"{post_code:07}" for post_code in post_codes],
        )
    )


def _make_terms(texts: _IndexedTexts) -> list[str]:
    """Return all terms of each corporation, separated by spaces."""
    streets_with_zeros, _ = separate_digits(texts.streets)
    streets = list(
        map(_make_street_terms, [place[-1:] for place in texts.prefecture_and_city_texts], streets_with_zeros)
    )
    term_columns = (
        map(_make_place_terms, texts.prefecture_codes, texts.prefecture_and_city_texts),
        [street_terms for street_terms, _ in streets],
        map(_make_terms_of_numbers, texts.streets, [numbers for _, numbers in streets]),
        map(_make_post_code_terms, texts.post_codes),
        *map(_make_terms_of_readings, texts.readings),
    )
    terms = list(map(" ".join, zip(*term_columns, strict=True)))
    for index, english_name in enumerate(texts.english_names):
        if english_name:
            terms[index] = " ".join((terms[index], *_list_english_terms(english_name)))
    return terms


def _list_english_terms(english_name: str) -> list[str]:
    """Return the terms of an English name: the terms of the comparison form of the whole name, and the terms of the
    name without its legal form."""
    forms_without_legal_form = list_comparison_forms(remove_english_legal_form(english_name))
    return [*_make_terms_of_readings(forms_without_legal_form), *list_character_pairs(fold_text(english_name))]


def _make_terms_of_readings(readings: Sequence[str | None]) -> list[str]:
    """Return the terms of each reading (comparison form of a name), separated by spaces. First come its pairs of
    neighbouring characters. Then come two terms of the name without its legal form: `^` with its first two
    characters, and its last two characters with `$`. The terms of 株式会社山田 end with `^山田 山田$`. Return "" for
    a reading that is None.
    """
    present_readings = [reading for reading in readings if reading is not None]
    terms = [
        f"{pairs} ^{bare_name[:2]} {bare_name[-2:]}$"
        for pairs, bare_name in zip(
            _join_character_pairs(present_readings), remove_legal_forms(present_readings), strict=True
        )
    ]
    if len(terms) == len(readings):
        return terms
    remaining_terms = iter(terms)
    return ["" if reading is None else next(remaining_terms) for reading in readings]


def _make_terms_of_numbers(street: str, numbers: Sequence[tuple[str, int, int]]) -> str:
    """Return the search terms of the numbers in `street`, separated by spaces. `numbers` has, for each number, the
    character before it in comparison form, and its start and end (exclusive) in `street`."""
    return " ".join(
        [_make_number_terms(character_before, street[start:end]) for character_before, start, end in numbers]
    )


def _join_character_pairs(texts: Sequence[str]) -> list[str]:
    """Return the pairs of neighbouring characters of each text, separated by spaces. The pairs of all texts are made
    together, because a string for each pair would take several times as long."""
    characters = array("I", "\n".join(("", *texts, "")).encode(_FIXED_WIDTH_ENCODING))
    joined_characters = array("I", " ".encode(_FIXED_WIDTH_ENCODING)) * (3 * len(characters) - 3)
    joined_characters[0::3], joined_characters[1::3] = characters[:-1], characters[1:]
    pairs = joined_characters.tobytes().decode(_FIXED_WIDTH_ENCODING)
    # Of "AB" and "C" they are "\nA AB B\n \nC C\n ": the first and last character of each text stand alone.
    return [text[2:-2] for text in pairs[1:-2].split("\n \n")] if texts else []


@lru_cache(4096)
def _make_place_terms(prefecture_code: str, place: str) -> str:
    """Return the terms of a prefecture and city, separated by spaces: `=` with the code of the prefecture, then the
    terms of the text `place`, such as `@大阪`."""
    return " ".join((f"={prefecture_code}", *list_address_terms(place)))


@lru_cache(32_768)
def _make_street_terms(character_before: str, street: str) -> tuple[str, Sequence[tuple[str, int, int]]]:
    """Return the search terms of a street without its numbers, separated by spaces, and the places of its numbers:
    for each number the character before it in comparison form, and its start and end in the street. The caller has
    replaced each digit of `street` by 0, so that streets with the same words share one entry of the cache.
    `character_before` is the character before the street in the address.
    """
    numbers = [(_fold_character(match[1]), *match.span(2)) for match in _NUMBER_PATTERN.finditer(street)]
    return " ".join(list_address_terms(character_before + street)), numbers


def list_character_pairs(folded_text: str) -> list[str]:
    """Return the pairs of neighbouring characters of a text in its comparison form."""
    return list(map(add, folded_text, folded_text[1:]))


def make_name_start_and_end_terms(bare_name: str) -> tuple[str, str]:
    """Return two search terms of a corporation's name: one for its first two characters, one for its last two.
    `bare_name` is the name in comparison form, without its legal form."""
    return f"^{bare_name[:2]}", f"{bare_name[-2:]}$"


def list_address_terms(text: str) -> list[str]:
    """Return the terms of an address, or of a part of one, without its numbers and their units (such as 丁目)."""
    return list_terms_of_folded_address(list_comparison_forms(text)[-1])


def list_terms_of_folded_address(folded_text: str) -> list[str]:
    """Return the terms of an address without its numbers and their units (such as 丁目). `folded_text` is the
    comparison form of the address. This function doesn't compute a comparison form again, because the form of a form
    can be another text: the form of 村ケー is 村ケ, whose second reading is 村ガ.
    """
    parts = folded_text.translate(_DIGITS_AND_HYPHENS_TO_SPACES).split()
    return [f"@{pair}" for part in parts if part not in _UNITS_OF_ADDRESSES for pair in list_character_pairs(part)]


def list_number_terms(text: str) -> list[str]:
    """Return the search terms of the numbers in an address. A term is `@`, the character before the number, and the
    number: `@田2` of 梅田２丁目４番９号. A number that follows a unit, such as ４ after 丁目, has no term,
    because such terms are too frequent.

    The index has the terms of the published street, but a search looks for the terms of the comparison form of a
    typed address. They differ if the character before a number is the last one of the city (木祖村１２３番地), or
    if the comparison form changes or removes it (Ａ－１０１, タワー１０階, 佐々１) or writes the number in another
    way (三丁目).
    """
    return [
        f"@{_fold_character(character_before)}{int(digits)}"
        for character_before, digits in _NUMBER_PATTERN.findall(text)
    ]


_fold_character = lru_cache(8192)(fold_text)


def make_number_beginning_term(term: str) -> str:
    """Return the term of the index for all longer numbers which begin with the number of `term`.

    For `@甲1`, the term of 甲1番地, the result is `@甲1~`; the row of 甲12番地 has this term, too. The search needs
    it because a typed address may end inside a number, and because the index finds one term much faster than all
    terms with the same beginning.
    """
    return f"{term}~"


@lru_cache(32_768)
def _make_number_terms(character_before: str, digits: str) -> str:
    """Return the terms of a number in an address, separated by spaces: the number itself, and all of its shorter
    beginnings. The terms of 12 after the character 甲 are `@甲12 @甲1~`."""
    start, number = f"@{character_before}", str(int(digits))
    return " ".join(
        (start + number, *(make_number_beginning_term(start + number[:end]) for end in range(1, len(number))))
    )


@lru_cache(8192)
def _make_post_code_terms(post_code: str) -> str:
    """Return the terms of a post code (7 digits), separated by spaces, such as `#530 #5300001`; "" for an empty
    one."""
    return " ".join(list_post_code_terms(post_code)) if post_code else ""


def list_post_code_terms(digits: str) -> list[str]:
    """Return the terms of a post code: `#` with its first three digits and, if it has all seven digits, `#` with all
    of them."""
    return [f"#{digits[:3]}", f"#{digits}"] if len(digits) == _POST_CODE_DIGITS else [f"#{digits[:3]}"]


_SET_INDEX_OPTION_SQL = "INSERT INTO {0} ({0}, rank) VALUES (?, ?)"


def _set_option(connection: sqlite3.Connection, table: str, option: str, value: int) -> None:
    connection.execute(_SET_INDEX_OPTION_SQL.format(table), (option, value))
