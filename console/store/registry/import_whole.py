"""Builds a new registry from whole files: from the file of the nation, or from files of some prefectures, all of the
same day.

The rows are inserted in the order of the file. Their terms are added to the search index in the same step, because
rows and terms are made from the same comparison forms. Every few blocks the rows and terms are committed, together
with the number of the last line. So a stopped or killed import continues after this line. The indexes by number and
by successor are created afterwards, in the space that the merging of the search index has freed.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from itertools import compress
from pathlib import Path

from console.domain.file_problems import RegistryFileProblem
from console.domain.registry.corporations import CorporationEvent
from console.domain.registry.publication_days import FIRST_PUBLICATION_DAY
from console.store.registry.file_rows import FileColumns, get_stored_day, read_rows
from console.store.registry.folded_texts import fold_columns
from console.store.registry.progress import ImportRun
from console.store.registry.registry_file import is_damage_error, make_building_path, open_for_reading, start_building
from console.store.registry.schema import (
    COLUMN_LIST_SQL,
    FORMAT_VERSION,
    INSERT_CHANGE_STATEMENT,
    INSERT_CORPORATION_STATEMENT,
    PlaceIds,
    add_missing_columns,
    convert_to_stored_rows,
    create_indexes,
    create_tables,
    drop_indexes,
    format_corporation_json,
    open_transaction,
    read_applied_hashes,
    read_places,
    read_registry_fact,
    write_registry_facts,
    write_registry_summary,
)
from console.store.registry.search_index import (
    begin_bulk_load,
    create_search_index,
    end_bulk_load,
    index_new_rows,
    store_frequent_term_counts,
    unindex_rows,
)
from console.store.registry.source_file import SourceFile, make_bad_file_error, make_stopped_error

_CACHE_KIB = 32 * 1024
_SORTING_CACHE_KIB = 8 * 1024
_BLOCKS_PER_COMMIT = 64
_BUILD_STEPS_VERSION = 4
"""Version of the steps of a build. The build of a program with other steps isn't continued."""
_OUTDATED_CORPORATION_ROWS_QUERY = """
SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY number ORDER BY updated_on DESC, id DESC) AS rank FROM corporations
) WHERE rank > 1
"""
"""If a corporation has several rows, finds all of them except the row that was updated last."""
_CREATE_DELETIONS_STATEMENT = """
CREATE TABLE deletions (number INTEGER PRIMARY KEY, updated_on INTEGER NOT NULL, next_id INTEGER NOT NULL)
"""
"""Creates the table of a build with the corporations that the whole files say are deleted: their numbers, the days of
the last deletion, and the id of the first row of `corporations` after it in the file.
"""
_INSERT_DELETION_STATEMENT = """
INSERT INTO deletions VALUES (?, ?, ?)
ON CONFLICT (number) DO UPDATE SET updated_on = excluded.updated_on, next_id = excluded.next_id
WHERE excluded.updated_on >= updated_on
"""
_DELETED_CORPORATION_ROWS_QUERY = """
SELECT corporations.id FROM deletions JOIN corporations ON corporations.number = deletions.number
WHERE (corporations.updated_on, corporations.id) < (deletions.updated_on, deletions.next_id)
"""
"""Finds the corporations whose row in force is older than their deletion."""
_MISSING_DELETED_NUMBERS_QUERY = """
SELECT number FROM deletions WHERE NOT EXISTS (SELECT 1 FROM corporations WHERE number = deletions.number)
"""
_CORPORATION_BY_NUMBER_QUERY = f"SELECT {COLUMN_LIST_SQL} FROM corporations WHERE number = ?"  # noqa: S608  # names of our own columns


@contextmanager
def open_build(
    folder: Path, sources: Sequence[SourceFile], former_file: Path | None, *, is_addition: bool
) -> Iterator[sqlite3.Connection]:
    """Context manager: yield a connection to the build, which is the unfinished registry.db that is made of exactly
    these source files, in the registry's folder `folder`. If there is no such build, begin a new one. `former_file`
    is the file of the registry in use (None: there is no registry). With `is_addition` (the files only add
    prefectures), a new build begins as a copy of `former_file`; otherwise only the table of changes is copied from
    it.
    """
    key = json.dumps(
        [
            FORMAT_VERSION,
            _BUILD_STEPS_VERSION,
            str(former_file) if is_addition else "",
            *((source.name, source.sha256) for source in sources),
        ]
    )
    file = make_building_path(folder)
    is_new = _read_source_files_key(file) != key
    if is_new:
        start_building(folder)
    with closing(_open_build_file(file)) as connection:
        if is_new:
            _fill_build(connection, former_file, is_addition)
            write_registry_facts(connection, {"build": key})
        yield connection


def build_whole(
    connection: sqlite3.Connection, sources: Sequence[SourceFile], import_run: ImportRun, former_file: Path | None
) -> None:
    """Insert the rows in force of the whole files, except those of deleted corporations, into a build, with their
    terms in the search index, and create its indexes. Rows that were inserted before an interruption are not inserted
    again. If the files say that a corporation of the registry in `former_file` (None: there is no such registry) is
    deleted, store this change in the table `changes`. Raises ConsoleError `bad_registry_file` if a row is invalid, or
    if the files have no corporation; `interrupted` if the import must stop.
    """
    applied_hashes = read_applied_hashes(connection)
    if all(source.sha256 in applied_hashes for source in sources):
        return
    for source in sources:
        _insert_rows_of_file(connection, source, import_run)
    import_run.report_rows("finish", sources[0], sources[0].line_count)
    with open_transaction(connection):
        end_bulk_load(connection)
        store_frequent_term_counts(connection)
    import_run.report_rows("finish", sources[0], sources[0].line_count)
    import_run.raise_if_stopped()
    with open_transaction(connection):
        _create_indexes_and_delete_outdated_rows(connection)
        _store_deletions(connection, sources[0].day, former_file)
        _write_summary(connection, sources)


def switch_build_to_wal(connection: sqlite3.Connection) -> None:
    """Switch a complete build to a write-ahead log, the journal mode of a registry in use."""
    connection.execute("PRAGMA journal_mode=WAL")


def delete_key_of_build(connection: sqlite3.Connection) -> None:
    """Delete the list of the build's source files, which is the key of the build, from the table `facts` of the
    registry. The list is no longer right, because other files were applied to the registry afterwards."""
    connection.execute("DELETE FROM facts WHERE name = 'build'")


def _fill_build(connection: sqlite3.Connection, former_file: Path | None, is_addition: bool) -> None:
    """Fill a new build: with `is_addition`, copy the former registry into it; otherwise create empty tables and copy
    only the changes of corporations from the former registry (None: there is no former one). Changes that can't be
    read because the former registry is damaged are left out.
    """
    if former_file is None:
        with open_transaction(connection):
            _create_empty_tables(connection)
        return
    with closing(open_for_reading(former_file)) as source:
        if is_addition:
            source.backup(connection)
            connection.execute("PRAGMA journal_mode=TRUNCATE")  # the copy has the write-ahead log of its original
            add_missing_columns(connection)
            drop_indexes(connection)
            connection.execute(_CREATE_DELETIONS_STATEMENT)
            create_search_index(connection)
            begin_bulk_load(connection)
            return
        with open_transaction(connection):
            _create_empty_tables(connection)
            connection.executemany("INSERT INTO changes VALUES (?, ?, ?, ?)", _read_intact_changes(source))


def _create_empty_tables(connection: sqlite3.Connection) -> None:
    create_tables(connection)
    connection.execute(_CREATE_DELETIONS_STATEMENT)
    create_search_index(connection)
    begin_bulk_load(connection)


def _read_intact_changes(source: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the table `changes` of the former registry, which `source` reads, up to the first row that
    can't be read because the file is damaged.
    """
    try:
        yield from source.execute("SELECT * FROM changes")
    except sqlite3.DatabaseError as error:
        if not is_damage_error(error):
            raise


def _insert_rows_of_file(connection: sqlite3.Connection, source: SourceFile, import_run: ImportRun) -> None:
    fact_name = f"lines of {source.sha256}"  # two files in different folders may have the same name
    done_lines = after = read_registry_fact(connection, fact_name) or 0
    places = PlaceIds(connection)
    next_id = (connection.execute("SELECT max(id) FROM corporations").fetchone()[0] or 0) + 1
    blocks = 0
    connection.execute("BEGIN")
    try:
        for block in read_rows(source, after):
            connection.executemany(_INSERT_DELETION_STATEMENT, _list_deletions(block.columns, next_id))
            columns = _select_rows_of_existing_corporations(block.columns)
            folded = fold_columns(columns)
            connection.executemany(INSERT_CORPORATION_STATEMENT, convert_to_stored_rows(columns, folded, places))
            index_new_rows(connection, next_id, columns, folded)
            next_id += len(columns.corporate_number)
            blocks += 1
            line_count, done_lines = block.last_line - done_lines, block.last_line
            import_run.report_rows("rows", source, done_lines, line_count)
            is_stopping = import_run.should_stop()
            if is_stopping or blocks % _BLOCKS_PER_COMMIT == 0:
                write_registry_facts(connection, {fact_name: done_lines})
                connection.execute("COMMIT")
                connection.execute("BEGIN")
            if is_stopping:
                raise make_stopped_error()
        write_registry_facts(connection, {fact_name: done_lines})
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has ended it itself if the disk is full
            connection.execute("ROLLBACK")
        raise


def _select_rows_of_existing_corporations(columns: FileColumns) -> FileColumns:
    """Return the columns of the rows in force of a block of rows, without the rows of deleted corporations."""
    are_inserted = [
        latest == "1" and process != CorporationEvent.DELETED
        for latest, process in zip(columns.latest, columns.process, strict=True)
    ]
    return (
        columns if all(are_inserted) else FileColumns(*(tuple(compress(column, are_inserted)) for column in columns))
    )


def _list_deletions(columns: FileColumns, next_id: int) -> list[tuple[int, int, int]]:
    """Return the corporations that a block of rows says are deleted, as rows of the table `deletions`. `next_id` is
    the id that the first inserted row of the block gets in `corporations`."""
    deletions = []
    if CorporationEvent.DELETED in columns.process:
        for number, process, latest, update_day in zip(
            columns.corporate_number, columns.process, columns.latest, columns.update_date, strict=True
        ):
            if latest != "1":
                continue
            if process == CorporationEvent.DELETED:
                deletions.append((int(number), get_stored_day(update_day), next_id))
            else:
                next_id += 1
    return deletions


def _create_indexes_and_delete_outdated_rows(connection: sqlite3.Connection) -> None:
    """Create the indexes of the table `corporations`. Of several rows in force of one corporation, keep only the one
    that was updated last; if a deletion was updated last, keep none."""
    connection.execute(f"PRAGMA cache_size=-{_SORTING_CACHE_KIB}")  # an index is sorted in as much memory again
    try:
        create_indexes(connection)
    except sqlite3.IntegrityError:
        _delete_rows(connection, connection.execute(_OUTDATED_CORPORATION_ROWS_QUERY).fetchall())
        create_indexes(connection)
    _delete_rows(connection, connection.execute(_DELETED_CORPORATION_ROWS_QUERY).fetchall())


def _delete_rows(connection: sqlite3.Connection, row_ids: Sequence[tuple[int]]) -> None:
    unindex_rows(connection, (row_id for (row_id,) in row_ids))
    connection.executemany("DELETE FROM corporations WHERE id = ?", row_ids)


def _store_deletions(connection: sqlite3.Connection, day: date, former_file: Path | None) -> None:
    """Store a change of the day `day` for each corporation that is deleted according to the whole files (the
    publisher's files with all corporations) and that the former registry (`former_file`) has, so that an alert about
    a watched corporation can be raised. Then drop the table `deletions`. If the former registry is damaged, the
    corporations that can't be read are left out."""
    numbers = connection.execute(_MISSING_DELETED_NUMBERS_QUERY).fetchall()
    if former_file is not None and numbers:
        with closing(open_for_reading(former_file)) as former:
            for number, former_state in _read_intact_states(former, numbers):
                values = ((day - FIRST_PUBLICATION_DAY).days, number, former_state, None)
                connection.execute(INSERT_CHANGE_STATEMENT, values)
    connection.execute("DROP TABLE deletions")


def _read_intact_states(source: sqlite3.Connection, numbers: Iterable[tuple[int]]) -> Iterator[tuple[int, str]]:
    """Yield the number and the state (`format_corporation_json`) of each corporation with one of these numbers that
    the former registry has, which `source` reads, up to the first row that can't be read because the file is damaged.
    """
    try:
        places = read_places(source)
        for number in numbers:
            row = source.execute(_CORPORATION_BY_NUMBER_QUERY, number).fetchone()
            if row is not None:
                yield number[0], format_corporation_json(row, places)
    except sqlite3.DatabaseError as error:
        if not is_damage_error(error):
            raise


def _write_summary(connection: sqlite3.Connection, sources: Sequence[SourceFile]) -> None:
    rows = connection.execute("SELECT count(*) FROM corporations").fetchone()[0]
    write_registry_summary(connection, sources, sources[0].day, rows)
    if not rows:
        raise make_bad_file_error(sources[0].name, RegistryFileProblem.NO_CORPORATION)


def _read_source_files_key(file: Path) -> str | None:
    """Return the key of the build in `file`, which identifies its source files; None if there is no build, or if
    it can't be used."""
    if not file.exists():
        return None
    try:
        with closing(_open_build_file(file)) as connection:
            key: str | None = read_registry_fact(connection, "build")
            return key
    except sqlite3.Error:
        return None


def _open_build_file(file: Path) -> sqlite3.Connection:
    """Open the unfinished registry in `file`, and return the connection. The file has a rollback journal, which costs
    little while rows are appended, and makes each commit safe against a crash of the process or of the machine."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=TRUNCATE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
