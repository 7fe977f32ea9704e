"""Builds a new registry from whole files: from the file of the nation, or from files of some prefectures, all of the
same day.

The rows are inserted in the order of the file. Their terms are added to the search index in the same step, because
rows and terms are made from the same comparison forms. Every few blocks the rows and terms are committed, together
with the number of the last line. So a stopped or killed import continues after this line. The indexes by number and
by successor are created afterwards, in the space that the merging of the search index has freed.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import compress
from pathlib import Path

from console.domain.error_reasons import RegistryFileProblem
from console.domain.registry.corporations import CorporationEvent
from console.store.registry.file_rows import FileColumns, read_rows
from console.store.registry.folded_texts import fold_columns
from console.store.registry.progress import ImportRun
from console.store.registry.registry_file import is_damage, make_building_path, open_for_reading, start_building
from console.store.registry.schema import (
    FORMAT_VERSION,
    INSERT_CORPORATION_STATEMENT,
    PlaceIds,
    add_missing_columns,
    convert_to_stored_rows,
    create_indexes,
    create_tables,
    drop_indexes,
    open_transaction,
    read_applied_hashes,
    read_registry_fact,
    write_registry_facts,
    write_registry_summary,
)
from console.store.registry.search_index import (
    begin_bulk_load,
    count_frequent_terms,
    create_search_index,
    end_bulk_load,
    index_new_rows,
    unindex_rows,
)
from console.store.registry.source_file import SourceFile, make_bad_file_error, make_stopped_error

_CACHE_KIB, _SORTING_CACHE_KIB = 32 * 1024, 8 * 1024
_BLOCKS_PER_COMMIT = 64
_BUILD_STEPS_VERSION = 2
"""Version of the steps of a build. The build of a program with other steps isn't continued."""
_OUTDATED_CORPORATION_ROWS_QUERY = """
SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY number ORDER BY updated_on DESC, id DESC) AS rank FROM corporations
) WHERE rank > 1
"""
"""If a corporation has several rows, finds all of them except the row that was updated last."""


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


def build_whole(connection: sqlite3.Connection, sources: Sequence[SourceFile], run: ImportRun) -> None:
    """Insert the rows in force (the newest states of corporations that aren't deleted) of the whole files into a
    build, with their terms in the search index, and create its indexes. Rows that were inserted before an
    interruption are not inserted again. Raises ConsoleError `bad_registry_file` if a row is invalid, or if the files
    have no corporation; `interrupted` if the import must stop.
    """
    applied_hashes = read_applied_hashes(connection)
    if all(source.sha256 in applied_hashes for source in sources):
        return
    for source in sources:
        _insert_rows_of_file(connection, source, run)
    run.report_rows("finish", sources[0], sources[0].line_count)
    with open_transaction(connection):
        end_bulk_load(connection)
        count_frequent_terms(connection)
    run.report_rows("finish", sources[0], sources[0].line_count)
    run.raise_if_stopped()
    with open_transaction(connection):
        _create_indexes_and_summary(connection, sources)


def finish_build(connection: sqlite3.Connection) -> None:
    """Switch a complete build to a write-ahead log, the journal mode of a registry in use."""
    connection.execute("PRAGMA journal_mode=WAL")


def delete_source_files_key(connection: sqlite3.Connection) -> None:
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
            create_search_index(connection)
            begin_bulk_load(connection)
            return
        with open_transaction(connection):
            _create_empty_tables(connection)
            connection.executemany("INSERT INTO changes VALUES (?, ?, ?, ?)", _read_intact_changes(source))


def _create_empty_tables(connection: sqlite3.Connection) -> None:
    create_tables(connection)
    create_search_index(connection)
    begin_bulk_load(connection)


def _read_intact_changes(source: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the table `changes` of the former registry, up to the first row that can't be read because
    the file is damaged.
    """
    try:
        yield from source.execute("SELECT * FROM changes")
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise


def _insert_rows_of_file(connection: sqlite3.Connection, source: SourceFile, run: ImportRun) -> None:
    fact_name = f"lines of {source.name}"
    done_lines = after = read_registry_fact(connection, fact_name) or 0
    places = PlaceIds(connection)
    next_id = (connection.execute("SELECT max(id) FROM corporations").fetchone()[0] or 0) + 1
    blocks = 0
    connection.execute("BEGIN")
    try:
        for block in read_rows(source, after):
            columns = _select_rows_in_force(block.columns)
            folded = fold_columns(columns)
            connection.executemany(INSERT_CORPORATION_STATEMENT, convert_to_stored_rows(columns, folded, places))
            index_new_rows(connection, next_id, columns, folded)
            next_id += len(columns.corporate_number)
            blocks += 1
            line_count, done_lines = block.last_line - done_lines, block.last_line
            run.report_rows("rows", source, done_lines, line_count)
            is_stopping = run.should_stop()
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


def _select_rows_in_force(columns: FileColumns) -> FileColumns:
    """Return the columns of a block of rows without the rows of earlier states and of deleted corporations."""
    rows_in_force = [
        latest == "1" and process != CorporationEvent.DELETED
        for latest, process in zip(columns.latest, columns.process, strict=True)
    ]
    return (
        columns
        if all(rows_in_force)
        else FileColumns(*(tuple(compress(column, rows_in_force)) for column in columns))
    )


def _create_indexes_and_summary(connection: sqlite3.Connection, sources: Sequence[SourceFile]) -> None:
    connection.execute(f"PRAGMA cache_size=-{_SORTING_CACHE_KIB}")  # an index is sorted in as much memory again
    try:
        create_indexes(connection)
    except sqlite3.IntegrityError:
        older_ids = connection.execute(_OUTDATED_CORPORATION_ROWS_QUERY).fetchall()
        unindex_rows(connection, (row_id for (row_id,) in older_ids))
        connection.executemany("DELETE FROM corporations WHERE id = ?", older_ids)
        create_indexes(connection)
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
