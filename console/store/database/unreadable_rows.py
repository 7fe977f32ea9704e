"""Skips rows that this program can't read, because another program or a person changed them. The other rows of a
query are still returned.

Each unreadable row is logged once per process, and the worker opens a case about the record to which the row
belongs (`due_tasks.open_cases_of_unreadable_rows`).
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select

T = TypeVar("T")
READ_ERRORS = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
"""Exceptions that the conversion of a damaged row can raise. An unreachable database raises other exceptions."""
MAX_LOGGED_ROWS = 1_000
"""Largest number of unreadable rows that one process logs and reports."""
LONGEST_UNREADABLE_DETAIL_CHARACTERS = 200
"""Largest number of characters that are returned of an audit detail that can't be read."""
_log = logging.getLogger("console.store")


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that can't be read: its table, its key (as text), and the kind and id of the record to which it
    belongs.
    """

    table: str
    key: str
    kind: str
    subject_id: int


_unreported_rows_lock = Lock()
_logged_rows: set[tuple[str, str]] = set()
"""Table and key of each row that this process has logged."""
_unreported_rows: list[UnreadableRow] = []
"""The logged rows that `pop_unreported_rows` hasn't returned yet."""


def require_numbers(*values: object) -> None:
    """Raise TypeError if one of the values of a row is neither a number nor NULL. In a column of numbers SQLite also
    stores other values, such as the text `3,300` of an imported file, and the lists that compare amounts can't handle
    them.
    """
    for value in values:
        if not isinstance(value, int | float | None):
            raise TypeError(f"no number but {type(value).__name__}")


def convert_to_text(value: object) -> str | None:
    """Return `value`, from a text column that other applications write, as text; None for NULL. SQLite stores numbers
    and bytes in such a column, too. They are converted, because the lists and exports need a text.
    """
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_readable_rows(
    table: str,
    rows: Iterable[Any],
    read_row: Callable[[Any], T],
    find_subject: Callable[[Any], tuple[str, int]] | None = None,
    get_key: Callable[[Any], object] = itemgetter(0),
) -> tuple[T, ...]:
    """Return `read_row(row)` for each row of the table `table` that can be read. Skip a row for which `read_row`
    raises one of READ_ERRORS, and log each skipped row once per process, at most MAX_LOGGED_ROWS rows.

    `find_subject` returns the kind and id of the record to which a row belongs. If it is given, the next call of
    `pop_unreported_rows` returns the rows that were logged. `get_key` returns the value that identifies a row in its
    table; by default this is the value of the first column.
    """
    return tuple(_iterate_readable_rows(table, rows, read_row, find_subject, get_key))


def select_readable_records(
    conn: Connection,
    query: Select[Any],
    values: Mapping[str, Any],
    read_rows: Callable[[Sequence[Row[Any]]], tuple[T, ...]],
) -> tuple[T, ...]:
    """Run `query` with the parameters `values`, and return the records that `read_rows` makes of its rows, without
    those that can't be read. If the query has the parameter `limit` and rows were left out, read more rows, until
    there are `limit` records. Otherwise rows that nobody can read could keep a due task away from all rows after
    them.
    """
    limit: int | None = values.get("limit")
    if limit is None:
        return read_rows(conn.execute(query, values).all())
    row_limit = limit
    while True:
        rows = conn.execute(query, {**values, "limit": row_limit}).all()
        records = read_rows(rows)
        if len(records) >= limit or len(rows) < row_limit:
            return records[:limit]
        row_limit *= 2


def _iterate_readable_rows(
    table: str,
    rows: Iterable[Any],
    read_row: Callable[[Any], T],
    find_subject: Callable[[Any], tuple[str, int]] | None,
    get_key: Callable[[Any], object],
) -> Iterator[T]:
    """Yield the record that `read_row` makes of each row. A row that it can't read is left out and reported with the
    table, its key (`get_key`), and the kind and id that `find_subject` returns (None: without them).
    """
    for row in rows:
        try:
            record = read_row(row)
        except READ_ERRORS as error:
            _report_unreadable_row(table, str(get_key(row))[:64], row, error, find_subject)
        else:
            yield record


def parse_audit_detail(text: str) -> dict[str, object]:
    """Return the detail of an audit entry from its JSON text.

    Every database account may insert audit entries, so the text may have a form that this program doesn't write. Then
    this function returns the first characters of the text under the key `unreadable`. A JSON object that has the same
    key twice is such a form, because a trigger of the server and this program would read different values of that
    key.
    """
    try:
        detail = json.loads(text, object_pairs_hook=_make_object_without_repeated_keys)
    except (ValueError, RecursionError):
        detail = None
    return detail if isinstance(detail, dict) else {"unreadable": text[:LONGEST_UNREADABLE_DETAIL_CHARACTERS]}


def _make_object_without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    object_by_key = dict(pairs)
    if len(object_by_key) < len(pairs):
        raise ValueError("the same key twice")
    return object_by_key


def pop_unreported_rows() -> tuple[UnreadableRow, ...]:
    """Return the unreadable rows that `read_readable_rows` has logged since the last call of this function, if the
    record to which they belong is known. Each row is returned only once per process, unless the caller marks it as
    unreported (`mark_as_unreported`)."""
    with _unreported_rows_lock:
        unreported_rows = tuple(_unreported_rows)
        _unreported_rows.clear()
    return unreported_rows


def mark_as_unreported(row: UnreadableRow) -> None:
    """Let the next call of `pop_unreported_rows` return this row again, because the caller couldn't report it."""
    with _unreported_rows_lock:
        _unreported_rows.append(row)


def _report_unreadable_row(
    table: str, key: str, row: Any, error: Exception, find_subject: Callable[[Any], tuple[str, int]] | None
) -> None:
    """Log the unreadable row with this table and key, once per process. `error` is the exception that its conversion
    raised. If `find_subject` is given, also add the row to those that `pop_unreported_rows` returns."""
    with _unreported_rows_lock:
        if (table, key) in _logged_rows or len(_logged_rows) >= MAX_LOGGED_ROWS:
            return
        _logged_rows.add((table, key))
        if find_subject is not None:
            _unreported_rows.append(UnreadableRow(table, key, *find_subject(row)))
    _log.warning("%s %r can't be read and is left out: %s", table, key, type(error).__name__)
