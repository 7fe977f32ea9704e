"""Reads the registry in use, also while another process puts a new one in use (module `registry_file`)."""

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from console.domain.batches import split_into_batches
from console.domain.lookup.registry_query import LONGEST_QUERY_CHARACTERS, RegistryQuery, parse_registry_query
from console.domain.registry.corporations import (
    Corporation,
    CorporationChange,
    ImportedFile,
    RegistryStatus,
    find_changed_facts,
)
from console.domain.registry.import_plan import WHOLE_NATION_CODE
from console.domain.registry.other_spellings import list_other_spellings
from console.domain.registry.prefectures import find_prefecture_code
from console.domain.registry.publication_days import FIRST_PUBLICATION_DAY
from console.settings.private_files import path_exists
from console.store.registry.import_order import RegistryCoverage
from console.store.registry.registry_file import (
    CURRENT_REGISTRY_NAME,
    DamagedRegistry,
    FileVersion,
    find_registry_file,
    open_for_reading,
    read_file_version,
)
from console.store.registry.schema import (
    COLUMN_LIST_SQL,
    PlaceKey,
    StoredCorporationRow,
    parse_corporation_json,
    read_corporation,
    read_places,
    read_registry_fact,
)
from console.store.registry.search import search, search_corporation_numbers
from console.store.registry.search_index import read_frequent_terms
from console.store.spool.sqlite_file import translate_errors

T = TypeVar("T")
_MAX_NUMBERS_PER_QUERY = 500
_MAX_SUCCESSORS = 1000
"""Longest chain of successors that a reader follows."""
MAX_PREDECESSORS = 1000
"""Largest number of predecessors that a reader returns."""
_CORPORATION_BY_NUMBER_QUERY = f"SELECT {COLUMN_LIST_SQL} FROM corporations WHERE number = ?"  # noqa: S608  # names of our own columns
_CORPORATIONS_BY_ID_QUERY = f"SELECT {COLUMN_LIST_SQL}, id FROM corporations WHERE id IN ({{}})"  # noqa: S608 - names of our own columns
_SELECT_CORPORATIONS_SQL = f"SELECT {COLUMN_LIST_SQL} FROM corporations WHERE"  # noqa: S608 - names of our own columns
_PREDECESSORS_QUERY = f"{_SELECT_CORPORATIONS_SQL} successor = ? ORDER BY number LIMIT ?"


class _OpenRegistryFile:
    """An open registry.db: its idle connections, the rows of its table `places` by their ids, and for each frequent
    term of the search index its number of corporations."""

    def __init__(self, file: Path, file_version: FileVersion | None) -> None:
        self.file = file
        self.file_version = file_version
        self.idle_connections: deque[sqlite3.Connection] = deque()
        self.places: dict[int, PlaceKey] = {}
        self._row_counts: dict[str, int] | None = None

    def read_frequent_term_counts(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Return, for each frequent term of the search index, the number of open corporations that have it. The
        first call reads these numbers from the file."""
        if self._row_counts is None:
            self._row_counts = read_frequent_terms(connection)
        return self._row_counts

    def borrow_connection(self) -> sqlite3.Connection:
        """Return an idle connection to the file, or a new one."""
        try:
            return self.idle_connections.pop()
        except IndexError:
            return open_for_reading(self.file)

    def close(self) -> None:
        """Close all idle connections."""
        while self.idle_connections:
            self.idle_connections.pop().close()

    def read_corporation(self, connection: sqlite3.Connection, row: StoredCorporationRow) -> Corporation:
        try:
            return read_corporation(row, self.places)
        except KeyError:  # a place that a difference has added since
            self.places = read_places(connection)
            return read_corporation(row, self.places)


class CorporationNumberMatches(NamedTuple):
    """The corporation numbers that a search has found, the best first. `other_spelling` is the other spelling of the
    searched text that they match; "" if they match the searched text itself."""

    numbers: tuple[str, ...]
    other_spelling: str


class RegistryReader:
    """Reads the registry in use. Any thread may use it. The file is opened at the first read. If another process
    has put a new registry in use, the next read uses the new one.

    A read raises ConsoleError `bad_profile` if the file is damaged, and `storage_full` if this program may not read
    it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._current_path = str(folder / CURRENT_REGISTRY_NAME)
        self._open_file: _OpenRegistryFile | None = None

    @property
    def registry_date(self) -> date:
        """The day up to which the registry in use is complete."""
        return self.run_query(lambda connection, _: _read_registry_date(connection))

    def find(self, corporation_number: str) -> Corporation | None:
        """Return the corporation with this corporation number; None if the registry doesn't have it, or if the
        text isn't 13 digits."""
        if not _is_corporation_number(corporation_number):
            return None

        def find_row(connection: sqlite3.Connection, open_file: _OpenRegistryFile) -> Corporation | None:
            row = connection.execute(_CORPORATION_BY_NUMBER_QUERY, (int(corporation_number),)).fetchone()
            return None if row is None else open_file.read_corporation(connection, row)

        return self.run_query(find_row)

    def find_many(self, corporation_numbers: Collection[str]) -> dict[str, Corporation]:
        """Return the corporations with these corporation numbers, by number and in the given order. Numbers that
        the registry doesn't have are left out."""
        valid_numbers = [
            int(number) for number in dict.fromkeys(corporation_numbers) if _is_corporation_number(number)
        ]

        def find_rows(connection: sqlite3.Connection, open_file: _OpenRegistryFile) -> dict[str, Corporation]:
            rows = (
                row
                for part in split_into_batches(valid_numbers, _MAX_NUMBERS_PER_QUERY)
                for row in connection.execute(_make_numbers_query(part), part).fetchall()
            )
            corporations = (open_file.read_corporation(connection, row) for row in rows)
            by_number = {corporation.number: corporation for corporation in corporations}
            return {number: by_number[number] for number in corporation_numbers if number in by_number}

        return self.run_query(find_rows)

    def search(
        self, text: str, *, prefecture: str | None = None, limit: int = 50, our_numbers: Collection[str] = ()
    ) -> tuple[Corporation, ...]:
        """Return at most `limit` corporations that match a typed text, the best first (module `search`).

        If none matches, try other spellings of the text. With `prefecture` (code or name), return only corporations
        in this prefecture; return none if the prefecture is unknown. Matching corporations with a number of
        `our_numbers` come before all others. Each of these numbers makes the search longer by about the time that it
        takes to check one row of the search index.
        """
        prefecture_code = None if prefecture is None else find_prefecture_code(prefecture)
        if prefecture is not None and prefecture_code is None:
            return ()
        numbers = [number for number in our_numbers if _is_corporation_number(number)]

        def find_matches(connection: sqlite3.Connection, open_file: _OpenRegistryFile) -> tuple[Corporation, ...]:
            def read_by_row_ids(row_ids: Collection[int]) -> dict[int, Corporation]:
                return {
                    row[-1]: open_file.read_corporation(connection, row)
                    for part in split_into_batches(tuple(row_ids), _MAX_NUMBERS_PER_QUERY)
                    for row in connection.execute(_make_ids_query(part), part).fetchall()
                }

            row_counts = open_file.read_frequent_term_counts(connection)
            return _search_spellings(
                text,
                lambda query: search(connection, read_by_row_ids, query, prefecture_code, limit, numbers, row_counts),
            )[0]

        return self.run_query(find_matches)

    def search_corporation_numbers(
        self, text: str, *, prefecture: str | None = None, limit: int, our_numbers: Collection[str] = ()
    ) -> CorporationNumberMatches:
        """Return the corporation numbers of the corporations that `search` finds for the same arguments, in the same
        order, and the spelling that has found them. This takes less time than to read the corporations.
        """
        prefecture_code = None if prefecture is None else find_prefecture_code(prefecture)
        if prefecture is not None and prefecture_code is None:
            return CorporationNumberMatches((), "")
        numbers = [number for number in our_numbers if _is_corporation_number(number)]

        def find_numbers(connection: sqlite3.Connection, open_file: _OpenRegistryFile) -> CorporationNumberMatches:
            row_counts = open_file.read_frequent_term_counts(connection)
            return CorporationNumberMatches(
                *_search_spellings(
                    text,
                    lambda query: search_corporation_numbers(
                        connection, query, prefecture_code, limit, numbers, row_counts
                    ),
                )
            )

        return self.run_query(find_numbers)

    def list_predecessors(self, corporation_number: str) -> tuple[Corporation, ...]:
        """Return the corporations that were merged into the corporation `corporation_number`, sorted by their
        numbers. At most the first MAX_PREDECESSORS are returned, so that the answer stays small for every imported
        file."""
        if not _is_corporation_number(corporation_number):
            return ()

        def find_rows(connection: sqlite3.Connection, open_file: _OpenRegistryFile) -> tuple[Corporation, ...]:
            rows = connection.execute(_PREDECESSORS_QUERY, (int(corporation_number), MAX_PREDECESSORS)).fetchall()
            return tuple(open_file.read_corporation(connection, row) for row in rows)

        return self.run_query(find_rows)

    def read_successor_chain(self, corporation_number: str) -> tuple[Corporation, ...]:
        """Return the successors of the corporation `corporation_number`: the corporation into which it was merged,
        then the successor of that corporation, and so on to the last one in the registry. Return an empty tuple if
        the registry doesn't have `corporation_number`, or if the corporation wasn't merged. Also return an empty
        tuple if the chain of successors leads into a circle or is longer than _MAX_SUCCESSORS.
        """
        chain: dict[str, Corporation] = {}
        corporation = self.find(corporation_number)
        while corporation is not None and corporation.successor is not None:
            if (
                corporation.successor == corporation_number
                or corporation.successor in chain
                or len(chain) == _MAX_SUCCESSORS
            ):
                return ()
            corporation = self.find(corporation.successor)
            if corporation is not None:
                chain[corporation.number] = corporation
        return tuple(chain.values())

    def read_status(self) -> RegistryStatus:
        """Return the status of the registry in use: its date, its number of corporations, its source files, and
        the circles of successors (corporations that are merged into one another in a circle)."""
        return self.run_query(lambda connection, _: read_status(connection))

    def list_changes(
        self, since: date, corporation_numbers: Collection[str] | None = None
    ) -> tuple[CorporationChange, ...]:
        """Return the changes that differences of the day `since` and later contained, sorted by day, then by number.
        With `corporation_numbers`, return only the changes of these corporations; None: of all. The registry has only
        the changes of the last CHANGE_RETENTION_DAYS days, and of whole files only the deletions of corporations."""

        rows = self.run_query(
            lambda connection, _: _find_changes(connection, (since - FIRST_PUBLICATION_DAY).days, corporation_numbers)
        )
        return tuple(change for change in map(_make_corporation_change, rows) if change.facts)

    def covers_nation(self) -> bool:
        """True if the registry in use was made of the whole file of the nation, so that it has every corporation that
        isn't deleted; False for a registry of single prefectures."""
        return self.run_query(lambda connection, _: WHOLE_NATION_CODE in read_coverage(connection).prefectures)

    def close(self) -> None:
        """Close the file registry.db; a read that is running in another thread closes its connection when it ends.
        The next read opens the file again."""
        open_file, self._open_file = self._open_file, None
        if open_file is not None:
            open_file.close()

    def run_query(self, query: Callable[[sqlite3.Connection, _OpenRegistryFile], T]) -> T:
        """Call `query` with a connection to the registry in use and the open file, and return the result. If the
        call fails because another process has put a new registry in use, call `query` again with the new one."""
        while True:
            try:
                file_version = read_file_version(self._current_path)
            except OSError as error:
                with translate_errors(self._folder):
                    raise error
            try:
                open_file = self._open_registry_in_use(file_version)
                connection = open_file.borrow_connection()
                try:
                    answer = query(connection, open_file)
                except BaseException:
                    connection.close()
                    raise
                open_file.idle_connections.append(connection)
                if open_file is not self._open_file:  # replaced or closed meanwhile: no later read borrows from it
                    open_file.close()
                return answer
            except (sqlite3.Error, OSError) as error:
                if read_file_version(self._current_path) == file_version:
                    with translate_errors(self._folder):
                        raise error

    def _open_registry_in_use(self, file_version: FileVersion | None) -> _OpenRegistryFile:
        """Return the open file of the registry in use. If no registry is open, or if another registry was put in use
        since the file was opened, open the present one first. `file_version` is the present version of the file
        `current`; None if that file is missing."""
        open_file = self._open_file
        if open_file is not None and open_file.file_version == file_version:
            return open_file
        file = find_registry_file(self._folder)
        if file is None:
            raise sqlite3.OperationalError("the registry was deleted")
        if open_file is not None:
            open_file.close()
        self._open_file = opened_file = _OpenRegistryFile(file, file_version)
        return opened_file


def open_registry(folder: Path) -> RegistryReader | None:
    """Return a reader of the registry in this folder, without opening the file; None if there is none. If this
    program may not look into the folder, each read of the reader raises ConsoleError `storage_full`."""
    try:
        is_present = path_exists(folder / CURRENT_REGISTRY_NAME)
    except OSError:
        is_present = True
    return RegistryReader(folder) if is_present else None


def read_status(connection: sqlite3.Connection) -> RegistryStatus:
    """Return the status of the registry that `connection` reads: its date, its number of corporations, its source
    files, and the circles of successors. Raises DamagedRegistry if the registry lacks one of these facts."""
    with _convert_missing_fact_errors():
        return _read_status(connection)


def _read_status(connection: sqlite3.Connection) -> RegistryStatus:
    query = "SELECT name, sha256, day, is_difference, row_count, prefecture FROM files ORDER BY id"
    files = tuple(
        ImportedFile(name, sha256, date.fromisoformat(day), bool(is_difference), rows, prefecture)
        for name, sha256, day, is_difference, rows, prefecture in connection.execute(query)
    )
    if not files:
        raise DamagedRegistry("no source files")
    day = date.fromisoformat(read_registry_fact(connection, "registry_date"))
    cycles = tuple(map(tuple, json.loads(read_registry_fact(connection, "cycles") or "[]")))
    return RegistryStatus(day, read_registry_fact(connection, "rows"), files, cycles)


def read_coverage(connection: sqlite3.Connection) -> RegistryCoverage:
    """Return the coverage of the registry that `connection` reads: its prefectures, the day of its whole files,
    and its date. Raises DamagedRegistry if the registry lacks one of these facts."""
    with _convert_missing_fact_errors():
        return _read_coverage(connection)


def _read_coverage(connection: sqlite3.Connection) -> RegistryCoverage:
    rows = connection.execute("SELECT prefecture, day FROM files WHERE NOT is_difference").fetchall()
    registry_date = date.fromisoformat(read_registry_fact(connection, "registry_date"))
    return RegistryCoverage(frozenset(row[0] for row in rows), date.fromisoformat(rows[0][1]), registry_date)


def _read_registry_date(connection: sqlite3.Connection) -> date:
    with _convert_missing_fact_errors():
        return date.fromisoformat(read_registry_fact(connection, "registry_date"))


@contextmanager
def _convert_missing_fact_errors() -> Iterator[None]:
    """Context manager: within the block, convert IndexError, TypeError and ValueError to DamagedRegistry. They mean
    that the registry lacks a value of its table `facts`, or that the value can't be read.
    """
    try:
        yield
    except (IndexError, TypeError, ValueError) as error:
        raise DamagedRegistry("no facts") from error


def _search_spellings(text: str, search_query: Callable[[RegistryQuery], tuple[T, ...]]) -> tuple[tuple[T, ...], str]:
    """Return the result of `search_query` for the typed text, and "". If this result is empty, try the other
    spellings of the text, and return the first result that isn't empty, together with its spelling. If every result
    is empty, return an empty result and ""."""
    if matches := search_query(parse_registry_query(text)):
        return matches, ""
    for spelling in list_other_spellings(text[:LONGEST_QUERY_CHARACTERS]):
        if matches := search_query(parse_registry_query(spelling)):
            return matches, spelling
    return (), ""


def _is_corporation_number(corporation_number: str) -> bool:
    return len(corporation_number) == 13 and corporation_number.isascii() and corporation_number.isdigit()


def _make_numbers_query(numbers: Sequence[int]) -> str:
    """Return the query of the corporations with these numbers, with one placeholder for each."""
    return f"{_SELECT_CORPORATIONS_SQL} number IN ({', '.join('?' * len(numbers))})"


def _make_ids_query(row_ids: Sequence[int]) -> str:
    return _CORPORATIONS_BY_ID_QUERY.format(", ".join("?" * len(row_ids)))


def _find_changes(
    connection: sqlite3.Connection, since: int, corporation_numbers: Collection[str] | None
) -> list[tuple[Any, ...]]:
    """Return (day, corporation number, facts before, facts after) of the changes since the day `since`, as they are
    stored, sorted by day and number. Days are counted from FIRST_PUBLICATION_DAY. `corporation_numbers` restricts the
    result (None: all corporations).
    """
    query = "SELECT day, number, before, after FROM changes WHERE day >= ? ORDER BY day, number"
    rows = connection.execute(query, (since,))
    if corporation_numbers is None:
        return rows.fetchall()
    valid_numbers = {int(number) for number in corporation_numbers if _is_corporation_number(number)}
    return [row for row in rows if row[1] in valid_numbers]


def _make_corporation_change(row: tuple[Any, ...]) -> CorporationChange:
    day, number, *states = row
    before, after = (None if state is None else parse_corporation_json(state) for state in states)
    facts = find_changed_facts(before, after)
    return CorporationChange(f"{number:013}", FIRST_PUBLICATION_DAY + timedelta(days=day), facts, before, after)
