"""Executes a query that each open window repeats, as a statement that the server has prepared. The server parses the
query and the texts of its views once for each connection, not at each execution. For a query of a few rows that is
more than a quarter of the server's work.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Select
from sqlalchemy.exc import DBAPIError

from console.store.database.error_codes import find_error_number

_STATEMENTS_KEY = "prepared_queries"
"""Key in `Connection.info` of the statements that execute the queries of the connection, by the SQL of the query."""
_TOO_MANY_PREPARED_STATEMENTS_ERROR = 1461


def execute_prepared_query(conn: Connection, query: Select[Any]) -> CursorResult[Any]:
    """Execute a query on a server and return its result, with the values of the driver. `query` has no parameter
    without a value, and must be the same object at each call, such as a constant of a module. If other sessions have
    prepared as many statements as the server allows, the query is executed without preparing it.
    """
    sql = _compile_query(query, conn.dialect)
    statements: dict[str, str] = conn.info.setdefault(_STATEMENTS_KEY, {})
    if sql not in statements:
        statements[sql] = _prepare(conn, sql, f"console_{len(statements)}")
    return conn.exec_driver_sql(statements[sql])


@lru_cache
def _compile_query(query: Select[Any], dialect: Dialect) -> str:
    """Return the query in the SQL of `dialect`, with the values of its parameters."""
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _prepare(conn: Connection, sql: str, name: str) -> str:
    """Prepare the query `sql` at the server under this name, and return the statement that executes it: `sql` itself
    if the server accepts no further prepared statement."""
    text = sql.replace("\\", "\\\\").replace("'", "''")
    try:
        conn.exec_driver_sql(f"PREPARE {name} FROM '{text}'")
    except DBAPIError as error:
        if find_error_number(error) != _TOO_MANY_PREPARED_STATEMENTS_ERROR:
            raise
        return sql
    return f"EXECUTE {name}"
