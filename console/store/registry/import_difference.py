"""Applies a difference to a registry: to the registry in use, or to one that is being built from whole files."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator

from console.domain.file_problems import RegistryFileProblem
from console.domain.registry.corporations import CHANGE_RETENTION_DAYS, CorporationEvent, find_changed_facts
from console.domain.registry.publication_days import FIRST_PUBLICATION_DAY
from console.store.registry.file_rows import FileColumns, read_rows
from console.store.registry.folded_texts import fold_columns
from console.store.registry.progress import ImportRun
from console.store.registry.schema import (
    COLUMN_LIST_SQL,
    COLUMN_NAMES,
    INSERT_CHANGE_STATEMENT,
    INSERT_CORPORATION_STATEMENT,
    WRITTEN_COLUMN_NAMES,
    PlaceIds,
    PlaceKey,
    StoredCorporationRow,
    add_missing_columns,
    convert_to_stored_rows,
    format_corporation_json,
    read_corporation,
    read_places,
    read_registry_fact,
    write_registry_summary,
)
from console.store.registry.search_index import index_rows, unindex_rows
from console.store.registry.source_file import SourceFile, make_bad_file_error

_CORPORATION_BY_NUMBER_QUERY = f"SELECT id, {COLUMN_LIST_SQL} FROM corporations WHERE number = ?"  # noqa: S608  # names of our own columns
_UPDATED_ON_INDEX = COLUMN_NAMES.index("updated_on")
_CORPORATION_ID_BY_NUMBER_QUERY = "SELECT id FROM corporations WHERE number = ?"
_SET_CORPORATION_COLUMNS_SQL = ", ".join(f"{name} = ?" for name in WRITTEN_COLUMN_NAMES)
_UPDATE_CORPORATION_STATEMENT = f"UPDATE corporations SET {_SET_CORPORATION_COLUMNS_SQL} WHERE id = ?"  # noqa: S608 - names of our own columns
_DELETE_CORPORATION_STATEMENT = "DELETE FROM corporations WHERE id = ?"


def apply_difference(connection: sqlite3.Connection, source: SourceFile, import_run: ImportRun) -> None:
    """Apply the difference `source` to a registry, in a transaction that the caller has begun. `import_run` reports
    the progress and decides whether the import must stop. Raises ConsoleError `bad_registry_file` if a row of the
    file is invalid, or if the file has rows but none that was updated after the registry's former date and until the
    day in the file's name; `interrupted` if the import must stop."""
    add_missing_columns(connection)
    former_registry_date = str(read_registry_fact(connection, "registry_date"))
    update_days: set[str] = set()
    inserted_places = PlaceIds(connection)
    places = read_places(connection)
    applied_days: dict[int, int] = {}
    done_lines, corporation_count = 0, read_registry_fact(connection, "rows")
    for block in read_rows(source):
        update_days.update(block.columns.update_date)
        rows = list(_select_newest_rows(_read_rows_in_force(block.columns, inserted_places), applied_days))
        if len(places) < len(inserted_places):
            places = read_places(connection)
        unindex_rows(connection, _find_row_ids(connection, rows))
        for row, is_deleted in rows:
            corporation_count += _apply_row(connection, source, row, is_deleted, places)
        index_rows(connection, _find_row_ids(connection, rows))
        line_count, done_lines = block.last_line - done_lines, block.last_line
        import_run.report_rows("rows", source, done_lines, line_count)
        import_run.raise_if_stopped()
    _require_rows_of_day(source, former_registry_date, update_days)
    connection.execute(
        "DELETE FROM changes WHERE day < ?", ((source.day - FIRST_PUBLICATION_DAY).days - CHANGE_RETENTION_DAYS,)
    )
    write_registry_summary(connection, (source,), source.day, corporation_count)


def _require_rows_of_day(source: SourceFile, former_registry_date: str, update_days: Collection[str]) -> None:
    """Raise ConsoleError `bad_registry_file` if the difference `source` has rows, but none that was updated after the
    former date of the registry and until the day in the file's name. Such a file has the changes of another day: with
    its import, the changes of the day in its name would be lost. `update_days` are the days of the file's rows. Dates
    are texts (YYYY-MM-DD)."""
    last_day = source.day.isoformat()
    if update_days and not any(former_registry_date < day <= last_day for day in update_days):
        raise make_bad_file_error(source.name, RegistryFileProblem.WRONG_FILE_NAME)


def _read_rows_in_force(columns: FileColumns, places: PlaceIds) -> Iterator[tuple[StoredCorporationRow, bool]]:
    """Yield the stored rows of the newest states of corporations in the file, each with True if the corporation was
    deleted. Rows of earlier states are left out. Prefectures and cities that `places` lacks are inserted."""
    for row, latest, process in zip(
        convert_to_stored_rows(columns, fold_columns(columns), places), columns.latest, columns.process, strict=True
    ):
        if latest == "1":
            yield row, process == CorporationEvent.DELETED


def _select_newest_rows(
    rows: Iterable[tuple[StoredCorporationRow, bool]], applied_days: dict[int, int]
) -> Iterator[tuple[StoredCorporationRow, bool]]:
    """Yield `rows`, each with True if the corporation was deleted. Leave out a row whose update is older than that of
    an earlier row of the same corporation in the difference, as the import of a whole file does. `applied_days` has,
    by corporation number, the day of the last row that this function has yielded; the function adds the days of
    `rows`.
    """
    for row, is_deleted in rows:
        number, updated_on = row[0], row[_UPDATED_ON_INDEX]
        if updated_on >= applied_days.get(number, updated_on):
            applied_days[number] = updated_on
            yield row, is_deleted


def _find_row_ids(connection: sqlite3.Connection, rows: Iterable[tuple[StoredCorporationRow, bool]]) -> set[int]:
    """Return the row ids in the table `corporations` of those corporations of `rows` that the registry has now."""
    id_rows = (connection.execute(_CORPORATION_ID_BY_NUMBER_QUERY, row[:1]).fetchone() for row, _ in rows)
    return {row[0] for row in id_rows if row is not None}


def _apply_row(
    connection: sqlite3.Connection,
    source: SourceFile,
    row: StoredCorporationRow,
    is_deleted: bool,
    places: dict[int, PlaceKey],
) -> int:
    """Write the newest state of a corporation from the difference `source` into the registry, or delete a deleted
    corporation. If a fact of the corporation has changed, also store the change in the table `changes`. `places` has
    the rows of the table `places` by their ids. Return the change of the number of corporations: 1, 0 or -1.
    """
    stored_row = connection.execute(_CORPORATION_BY_NUMBER_QUERY, row[:1]).fetchone()
    former_row: StoredCorporationRow | None = stored_row and stored_row[1:]
    new_row = None if is_deleted else row
    if stored_row is None and new_row is None:
        return 0
    if new_row is None:
        connection.execute(_DELETE_CORPORATION_STATEMENT, stored_row[:1])
    elif stored_row is None:
        connection.execute(INSERT_CORPORATION_STATEMENT, new_row)
    else:
        connection.execute(_UPDATE_CORPORATION_STATEMENT, (*new_row, stored_row[0]))
    earlier_facts, new_state = (
        None if state is None else read_corporation(state, places) for state in (former_row, new_row)
    )
    if find_changed_facts(earlier_facts, new_state):
        states = (
            None if state is None else format_corporation_json(state, places) for state in (former_row, new_row)
        )
        connection.execute(INSERT_CHANGE_STATEMENT, ((source.day - FIRST_PUBLICATION_DAY).days, row[0], *states))
    return (new_row is not None) - (former_row is not None)
