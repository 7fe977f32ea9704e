"""The tables of registry.db, and the stored form of a corporation.

The row ids of corporations are consecutive small numbers, because the search index stores them in little space.
Codes are stored as integers, days as the number of days since FIRST_PUBLICATION_DAY, and prefecture and city as
the id of a row of `places`. The module `search_index` creates and fills the search index.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, make_dataclass
from datetime import date
from functools import cache
from itertools import repeat
from typing import Any, TypeAlias

from console.domain.registry.corporations import CloseCause, Closure, Corporation, CorporationEvent, CorporationKind
from console.domain.registry.publication_days import FIRST_PUBLICATION_DAY
from console.domain.registry.spelling import fold_address
from console.store.registry.file_rows import Column, FileColumns, get_stored_day
from console.store.registry.folded_texts import FoldedColumns, fold_names, fold_streets
from console.store.registry.source_file import SourceFile

FORMAT_VERSION = 3
"""Version of the tables. A registry of version 2, which has no comparison forms of the texts, is still read and
changed; the next import of whole files makes a registry of version 3.
"""
SQLITE_APPLICATION_ID = 0x52454731  # "REG1"

TABLE_STATEMENTS = (
    """
    CREATE TABLE places (
        id INTEGER PRIMARY KEY,
        prefecture_code TEXT NOT NULL, city_code TEXT NOT NULL, prefecture TEXT NOT NULL, city TEXT NOT NULL,
        folded TEXT NOT NULL,
        UNIQUE (prefecture_code, city_code, prefecture, city)
    )
    """,
    """
    CREATE TABLE corporations (
        id INTEGER PRIMARY KEY,
        number INTEGER NOT NULL,
        name TEXT NOT NULL, furigana TEXT NOT NULL, english_name TEXT NOT NULL,
        place_id INTEGER NOT NULL, street TEXT NOT NULL, post_code INTEGER,
        kind INTEGER NOT NULL, process INTEGER NOT NULL,
        updated_on INTEGER NOT NULL, changed_on INTEGER NOT NULL, assigned_on INTEGER NOT NULL,
        closed_on INTEGER, close_cause INTEGER, successor INTEGER, is_hidden INTEGER NOT NULL,
        change_cause TEXT NOT NULL, name_image_id TEXT NOT NULL, address_image_id TEXT NOT NULL,
        address_outside TEXT NOT NULL,
        folded_names TEXT NOT NULL, folded_street TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL, sha256 TEXT NOT NULL, day TEXT NOT NULL, is_difference INTEGER NOT NULL,
        prefecture TEXT NOT NULL, row_count INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE changes (
        day INTEGER NOT NULL, number INTEGER NOT NULL, before TEXT, after TEXT,
        PRIMARY KEY (day, number)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
)
"""SQL statements that create the tables of registry.db. The table `changes` has the states of a corporation before
and after a difference, and the state before a whole file that deleted it, as JSON (`format_corporation_json`). The
table `facts` has the values of the whole registry (`registry_date`, `rows`, `cycles`) and the progress of a build.
"""

INDEX_STATEMENTS = (
    "CREATE UNIQUE INDEX corporations_by_number ON corporations (number)",
    "CREATE INDEX corporations_by_successor ON corporations (successor, number) WHERE successor IS NOT NULL",
)
"""SQL statements that create the indexes of the table `corporations`, by number and by successor."""

COLUMN_NAMES = (
    "number", "name", "furigana", "english_name", "place_id", "street", "post_code", "kind", "process",
    "updated_on", "changed_on", "assigned_on", "closed_on", "close_cause", "successor", "is_hidden",
    "change_cause", "name_image_id", "address_image_id", "address_outside",
)  # fmt: skip
"""Names of the columns of a corporation that readers read."""
COLUMN_LIST_SQL = ", ".join(COLUMN_NAMES)
WRITTEN_COLUMN_NAMES = (*COLUMN_NAMES, "folded_names", "folded_street")
"""Names of the columns of a corporation that an import writes: those that readers read, and the comparison forms."""
INSERT_CORPORATION_STATEMENT = (
    f"INSERT INTO corporations ({', '.join(WRITTEN_COLUMN_NAMES)}) "  # noqa: S608  # names of our own columns
    f"VALUES ({', '.join('?' * len(WRITTEN_COLUMN_NAMES))})"
)
"""SQL statement that inserts a corporation with the next row id."""
INSERT_CHANGE_STATEMENT = """
INSERT INTO changes VALUES (?, ?, ?, ?)
ON CONFLICT (day, number) DO UPDATE SET after = excluded.after
"""
"""SQL statement that inserts a corporation's change. If a difference has several rows in force of one corporation, or
if a whole file follows a difference of the same day, the stored change has the state before the first row and the
state after the last one.
"""
_COLUMNS_ADDED_AFTER_VERSION_2 = (
    ("corporations", "folded_names"),
    ("corporations", "folded_street"),
    ("places", "folded"),
)
"""Tables and columns that a registry of FORMAT_VERSION 2 doesn't have."""

StoredCorporationRow: TypeAlias = tuple[Any, ...]
"""The values of COLUMN_NAMES in their order. A row that is written has those of WRITTEN_COLUMN_NAMES."""
PlaceKey: TypeAlias = tuple[str, str, str, str]
"""Prefecture code, city code, prefecture and city."""

_PLACE_INDEX = COLUMN_NAMES.index("place_id")
_READ_COLUMN_COUNT = len(COLUMN_NAMES)
_FIRST_PUBLICATION_DAY_ORDINAL = FIRST_PUBLICATION_DAY.toordinal()
_CORPORATION_KIND_BY_NUMBER: Mapping[int, CorporationKind] = {int(kind): kind for kind in CorporationKind}
_EVENT_BY_NUMBER: Mapping[int, CorporationEvent] = {int(process): process for process in CorporationEvent}
_CLOSE_CAUSE_BY_NUMBER: Mapping[int, CloseCause] = {int(cause): cause for cause in CloseCause}
_INTEGER_BY_CODE: Mapping[str, int] = {code: int(code) for code in (*CorporationKind, *CorporationEvent, *CloseCause)}
_INTEGER_BY_OPTIONAL_CODE: Mapping[str, int | None] = {**_INTEGER_BY_CODE, "": None}
_WritableCorporation: Any = make_dataclass(
    "_WritableCorporation", [field.name for field in fields(Corporation)], slots=True
)
"""Class with the same slots as `Corporation`, whose fields can be written. An object is filled and then gets the
class `Corporation`. This takes a sixth of the time of the constructor of a frozen dataclass, which calls a function
for each field.
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables of a new registry. Their indexes are created after the rows are inserted
    (`create_indexes`)."""
    for statement in TABLE_STATEMENTS:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={SQLITE_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")


def add_missing_columns(connection: sqlite3.Connection) -> None:
    """Add the columns that a registry of FORMAT_VERSION 2 doesn't have. They are NULL in its existing rows, and
    the file's version remains 2."""
    for table, column in _COLUMNS_ADDED_AFTER_VERSION_2:
        if column not in (row[1] for row in connection.execute(f"PRAGMA table_info({table})")):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")


def has_folded_texts(connection: sqlite3.Connection) -> bool:
    """True if all rows of the registry have the comparison forms of their texts; False for a file of an older
    FORMAT_VERSION."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version >= FORMAT_VERSION


def create_indexes(connection: sqlite3.Connection) -> None:
    """Create the indexes of the table `corporations` that don't exist yet."""
    for statement in INDEX_STATEMENTS:
        connection.execute(statement.replace(" INDEX ", " INDEX IF NOT EXISTS ", 1))


@contextmanager
def open_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Context manager: run the block in one transaction. Other processes can't write to the file until its end. An
    exception undoes the transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def drop_indexes(connection: sqlite3.Connection) -> None:
    """Drop the indexes of the table `corporations`, before many rows are inserted."""
    connection.execute("DROP INDEX IF EXISTS corporations_by_number")
    connection.execute("DROP INDEX IF EXISTS corporations_by_successor")


def read_applied_hashes(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the SHA-256 hashes (hex) of all files of the publisher that were applied to the registry."""
    return frozenset(row[0] for row in connection.execute("SELECT sha256 FROM files"))


class PlaceIds:
    """The rows of the table `places`: pairs of prefecture and city with their ids. `find_or_insert_ids` inserts a row
    for a new pair."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        query = "SELECT prefecture_code, city_code, prefecture, city, id FROM places"
        self._ids: dict[PlaceKey, int] = {row[:4]: row[4] for row in connection.execute(query)}

    def __len__(self) -> int:
        return len(self._ids)

    def find_or_insert_ids(self, columns: FileColumns) -> Iterator[int]:
        """Yield, for each row of a source file, the id of its prefecture and city in the table `places`. A pair that
        the table doesn't have is inserted."""
        keys = list(
            zip(columns.prefecture_code, columns.city_code, columns.prefecture_name, columns.city_name, strict=True)
        )
        for key in set(keys).difference(self._ids):
            self._ids[key] = len(self._ids) + 1
            place = (self._ids[key], *key, fold_address(key[2] + key[3]))
            self._connection.execute("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?)", place)
        return map(self._ids.__getitem__, keys)


def convert_to_stored_rows(
    columns: FileColumns, folded_columns: FoldedColumns, places: PlaceIds
) -> Iterator[StoredCorporationRow]:
    """Yield, for each checked row of a source file, the values of WRITTEN_COLUMN_NAMES in the form in which the
    table `corporations` stores them. `folded_columns` are the comparison forms of the columns. Prefectures and cities
    that `places` lacks are inserted.
    """
    rows = len(columns.corporate_number)
    return zip(
        map(int, columns.corporate_number),
        columns.name,
        columns.furigana,
        columns.en_name,
        places.find_or_insert_ids(columns),
        columns.street_number,
        _convert_to_optional_integers(columns.post_code),
        map(_INTEGER_BY_CODE.__getitem__, columns.kind),
        map(_INTEGER_BY_CODE.__getitem__, columns.process),
        map(get_stored_day, columns.update_date),
        map(get_stored_day, columns.change_date),
        map(get_stored_day, columns.assignment_date),
        _convert_nonempty_texts(get_stored_day, columns.close_date),
        map(_convert_closure_cause, columns.close_date, columns.close_cause)
        if any(columns.close_date)
        else repeat(None, rows),
        _convert_to_optional_integers(columns.successor_corporate_number),
        map("1".__eq__, columns.hihyoji),
        columns.change_cause,
        columns.name_image_id,
        map(_get_first_nonempty_text, columns.address_image_id, columns.address_outside_image_id),
        columns.address_outside,
        fold_names(columns, folded_columns),
        fold_streets(columns, folded_columns),
        strict=True,
    )


def read_corporation(row: StoredCorporationRow, places: Mapping[int, PlaceKey]) -> Corporation:
    """Return the corporation of a stored row; `places` has the rows of the table `places` by their ids. Raises
    KeyError if `places` lacks the place of the row."""
    return _make_corporation(row, places[row[_PLACE_INDEX]])


def format_corporation_json(row: StoredCorporationRow, places: Mapping[int, PlaceKey]) -> str:
    """Return a stored row of a corporation as JSON text for the table `changes`. The text contains the prefecture and
    city themselves instead of their id; `places` has the rows of the table `places` by their ids.
    """
    return json.dumps(
        [*row[:_PLACE_INDEX], places[row[_PLACE_INDEX]], *row[_PLACE_INDEX + 1 : _READ_COLUMN_COUNT]],
        ensure_ascii=False,
    )


def parse_corporation_json(row_json: str) -> Corporation:
    """Return the corporation of a row that `format_corporation_json` has converted to the text `row_json`."""
    row = json.loads(row_json)
    return _make_corporation(row, row[_PLACE_INDEX])


def _make_corporation(row: StoredCorporationRow, place: PlaceKey) -> Corporation:
    (
        number, name, furigana, english_name, _, street, post_code, kind, process,
        updated_on, changed_on, assigned_on, closed_on, close_cause, successor, is_hidden,
        change_cause, name_image_id, address_image_id, address_outside, *_,
    ) = row  # fmt: skip
    prefecture_code, city_code, prefecture, city = place
    corporation = _WritableCorporation(
        f"{number:013}",
        name,
        furigana,
        english_name,
        _CORPORATION_KIND_BY_NUMBER[kind],
        prefecture,
        city,
        street,
        "" if post_code is None else f"{post_code:07}",
        prefecture_code,
        city_code,
        address_outside,
        _EVENT_BY_NUMBER[process],
        _convert_to_date(updated_on),
        _convert_to_date(changed_on),
        _convert_to_date(assigned_on),
        None if closed_on is None else Closure(_convert_to_date(closed_on), _CLOSE_CAUSE_BY_NUMBER[close_cause]),
        None if successor is None else f"{successor:013}",
        change_cause,
        name_image_id,
        address_image_id,
        bool(is_hidden),
    )
    corporation.__class__ = Corporation
    return corporation  # type: ignore[no-any-return]  # `__class__` has just become Corporation


_PLACES_QUERY = "SELECT id, prefecture_code, city_code, prefecture, city FROM places"


def read_places(connection: sqlite3.Connection) -> dict[int, PlaceKey]:
    """Return the rows of the table `places` by their ids: prefecture code, city code, prefecture and city."""
    return {row[0]: row[1:] for row in connection.execute(_PLACES_QUERY)}


def read_registry_fact(connection: sqlite3.Connection, fact_name: str) -> Any:
    """Return the value with this name in the table `facts`; None if there is none."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (fact_name,)).fetchone()
    return None if row is None else row[0]


def write_registry_facts(connection: sqlite3.Connection, facts: Mapping[str, str | int]) -> None:
    """Write values into the table `facts`, by their names; existing values are replaced."""
    connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())


def write_registry_summary(
    connection: sqlite3.Connection, sources: Sequence[SourceFile], day: date, row_count: int
) -> None:
    """Write into the registry the list of the files that were applied now (table `files`), and facts of the whole
    registry (table `facts`): its date (`day`), its number of corporations (`row_count`), and the circles of
    successors. The caller gives `row_count`, because a query that counts them takes as long as the import of a
    difference.
    """
    connection.executemany(
        "INSERT INTO files (name, sha256, day, is_difference, prefecture, row_count) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                source.name,
                source.sha256,
                source.day.isoformat(),
                source.is_difference,
                source.prefecture,
                source.line_count,
            )
            for source in sources
        ),
    )
    write_registry_facts(
        connection,
        {
            "registry_date": day.isoformat(),
            "rows": row_count,
            "cycles": json.dumps(_find_successor_circles(connection)),
        },
    )


def _find_successor_circles(connection: sqlite3.Connection) -> list[list[str]]:
    """Return the circles of successors: groups of corporations that are merged into one another in a circle, such as
    A into B and B into A. Each group is a list of corporation numbers, and begins with its lowest number."""
    query = "SELECT number, successor FROM corporations WHERE successor IS NOT NULL"
    successors: dict[int, int] = dict(connection.execute(query).fetchall())
    cycles = []
    while successors:
        number, next_number = successors.popitem()
        path = {number: None}
        while next_number in successors:
            path[next_number] = None
            next_number = successors.pop(next_number)
        if next_number in path:
            chain = list(path)
            cycle = chain[chain.index(next_number) :]
            start = cycle.index(min(cycle))
            cycles.append([f"{number:013}" for number in (*cycle[start:], *cycle[:start])])
    return sorted(cycles)


@cache
def _convert_to_date(days: int) -> date:
    """Return the date that is stored as this number of days since FIRST_PUBLICATION_DAY."""
    return date.fromordinal(_FIRST_PUBLICATION_DAY_ORDINAL + days)


def _convert_to_optional_integers(texts: Column) -> Iterable[int | None]:
    return _convert_nonempty_texts(int, texts)


def _convert_nonempty_texts(convert: Callable[[str], int], texts: Column) -> Iterable[int | None]:
    """Return each text of a column converted by `convert`, None for an empty text. For a column that is empty in all
    rows, as many are, no loop runs."""
    return [convert(text) if text else None for text in texts] if any(texts) else repeat(None, len(texts))


def _convert_closure_cause(day: str, cause: str) -> int | None:
    """Return the stored code of the cause of a closure, OTHER if the file has none; None if the corporation isn't
    closed (`day` is empty)."""
    return _INTEGER_BY_OPTIONAL_CODE[cause or CloseCause.OTHER] if day else None


def _get_first_nonempty_text(first_text: str, second_text: str) -> str:
    """Return the first text; if it is empty, the second one."""
    return first_text or second_text
