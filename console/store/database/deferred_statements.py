"""Executes a statement of a write transaction together with the statement after it, if the program doesn't need the
first statement's result before.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Executable

from console.store.database.compiled_statements import execute_compiled


def execute_with_next_statement(
    conn: Connection,
    statement: Executable,
    parameters: Mapping[str, object],
    check_row_count: Callable[[int], None] | None = None,
) -> None:
    """Execute a statement that changes rows, or a query of which only the number of rows is needed, with these
    parameters by name, in its place among the statements of the transaction, and at the latest before COMMIT. On
    MariaDB the statement is sent together with the next statement, which saves a round trip. The next statement, or
    COMMIT, then raises the error of this statement (`pipelining_connection`). On other databases the statement is
    executed immediately. `statement` must be the same object at each call (`execute_compiled`).

    `check_row_count` is called with the number of rows that the statement matched or returned. An exception that it
    raises is treated like an error of the statement, and the transaction can't be committed.
    """
    if conn.dialect.name != "sqlite":
        driver_connection: Any = conn.connection.dbapi_connection
        if driver_connection.can_defer:
            driver_connection.defer_next(check_row_count)
            execute_compiled(conn, statement, parameters)
            return
    row_count = execute_compiled(conn, statement, parameters).rowcount
    if check_row_count is not None:
        check_row_count(row_count)
