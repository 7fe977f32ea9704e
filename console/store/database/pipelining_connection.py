"""Sends some statements of a write transaction together with the next statement, in one packet. These are statements
whose results the program doesn't need before the next statement. Each of them is a separate query in the server's
protocol (CLIENT.MULTI_STATEMENTS stays off), so no text can become two statements.

A server executes the statements of a packet in their order, even if an earlier statement has failed. So a transaction
with a failed statement is never committed. COMMIT is only sent after all answers have been read. After an error, each
later statement, and COMMIT, raises this error until ROLLBACK.

`deferred_statements.execute_with_next_statement` defers a statement. Only MariaDB gets several statements in one
packet, because MySQL doesn't document how it handles them.
"""

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymysql import OperationalError
from pymysql.connections import Connection as DriverConnection
from pymysql.connections import MySQLResult
from pymysql.constants import COMMAND, CR, ER
from pymysql.protocol import FieldDescriptorPacket

LONGEST_PACKET_BYTES = 256 * 1024
"""Largest size (bytes) of the statements that wait to be sent together. It is far below the buffers in which a server
keeps the answers until they are read."""
_LONGEST_UNCHECKED_BYTES = 16 * 1024
"""Length (bytes) up to which a statement is sent without reading the server's limit (`max_allowed_packet`) before.
Few statements are longer: those with a provider's answer, a stored answer of a call, or a file."""
_LARGEST_STATEMENT_QUERY = "SELECT @@SESSION.max_allowed_packet"
_MAX_KNOWN_DESCRIPTIONS = 32
"""Largest number of descriptions of results that a connection remembers for each number of columns."""


@dataclass(frozen=True, slots=True)
class _DeferredStatement:
    """A statement that waits until it is sent together with the next statement. `check_row_count` is called with the
    number of rows that the statement has matched or returned (None: no check).
    """

    sql: bytes
    check_row_count: Callable[[int], None] | None


@dataclass(frozen=True, slots=True)
class _ResultDescription:
    """The columns of a result. `content` has the server's packets that describe the columns, one packet for each
    column. The other fields are the objects that the driver makes of these packets.
    """

    content: bytes
    fields: list[FieldDescriptorPacket]
    converters: list[tuple[str | None, Callable[[Any], object] | None]]
    description: tuple[Any, ...]


class _Result(MySQLResult):  # type: ignore[misc]  # PyMySQL ships no types
    """A result of PyMySQL. The packets that describe its columns are parsed only if the connection hasn't yet got a
    result with the same columns. The reason: the parsing took a quarter of a client's processor time.
    """

    def _get_descriptions(self) -> None:
        connection: PipeliningConnection = self.connection
        first_number = connection._next_seq_id
        known_description = connection.find_known_description(self.field_count)
        if known_description is not None:
            self.fields, self.converters, self.description = (
                known_description.fields,
                known_description.converters,
                known_description.description,
            )
            connection._rfile.read(len(known_description.content))
            connection._next_seq_id = (first_number + self.field_count) % 256
            assert connection._read_packet().is_eof_packet(), "Protocol error, expecting EOF"  # noqa: S101  # as the driver
            return
        super()._get_descriptions()
        content = b"".join(
            struct.pack("<I", len(field.get_all_data()) | ((first_number + index) % 256) << 24) + field.get_all_data()
            for index, field in enumerate(self.fields)
        )
        connection.remember_description(_ResultDescription(content, self.fields, self.converters, self.description))


class PipeliningConnection(DriverConnection):  # type: ignore[misc]  # PyMySQL ships no types
    """A connection of PyMySQL on which statements can be deferred (see the description of this module)."""

    def __init__(self, *arguments: Any, **keyword_arguments: Any) -> None:
        self._deferred_statements: list[_DeferredStatement] = []
        self._deferred_bytes = 0
        self._defers_next = False
        self._check_of_next: Callable[[int], None] | None = None
        self._transaction_error: BaseException | None = None
        self._known_descriptions: dict[int, deque[_ResultDescription]] = {}
        self._largest_statement_bytes: int | None = None
        self.is_commit_sent = False
        """True if the last COMMIT was sent; False if it wasn't, because a deferred statement had failed."""
        self.statement_prefix = b""
        """Text before each statement, such as MariaDB's `SET STATEMENT … FOR`: a setting for that statement alone."""
        super().__init__(*arguments, **keyword_arguments)

    @property
    def can_defer(self) -> bool:
        """True in a transaction on a MariaDB server. In AUTOCOMMIT mode statements aren't deferred, because no COMMIT
        would send them."""
        return "MariaDB" in self.server_version and not self.get_autocommit()

    def defer_next(self, check_row_count: Callable[[int], None] | None) -> None:
        """Defer the next statement: it is sent together with the statement after it. `check_row_count` is called with
        the number of its rows when its answer is read; an exception that it raises counts as an error of the
        statement.
        """
        self._defers_next, self._check_of_next = True, check_row_count

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        """Send the statement `sql` together with the deferred statements, and read all answers. If `defer_next` was
        called, defer the statement instead. Return the number of its rows, 0 for a deferred statement. SQLAlchemy and
        PyMySQL call this method; `unbuffered`: the rows of the result are read only when they are fetched."""
        statement = self.statement_prefix + (sql.encode(self.encoding) if isinstance(sql, str) else sql)
        is_deferred, check_row_count = self._defers_next, self._check_of_next
        self._defers_next, self._check_of_next = False, None
        if len(statement) > _LONGEST_UNCHECKED_BYTES:
            self._require_accepted_length(statement)
        if self._deferred_bytes + len(statement) > LONGEST_PACKET_BYTES:
            self._flush()
        if is_deferred:
            return self._defer(_DeferredStatement(statement, check_row_count))
        if not self._deferred_statements:
            self._raise_error_of_failed_statement()
            row_count: int = super().query(statement, unbuffered)
            return row_count
        self._flush(statement)
        self._next_seq_id = 1
        try:
            self._affected_rows = self._read_query_result(unbuffered=unbuffered)
        except Exception:
            self._raise_error_of_failed_statement()
            raise
        self._raise_error_of_failed_statement()
        return int(self._affected_rows)

    def _require_accepted_length(self, statement: bytes) -> None:
        """Raise OperationalError (1153) if the statement is longer than the server accepts. The server would close
        the connection while the statement is being sent, as if the server had failed. The server is asked once for
        each connection.
        """
        if self._largest_statement_bytes is None:
            super().query(_LARGEST_STATEMENT_QUERY)
            self._largest_statement_bytes = int(self._result.rows[0][0])
        if len(statement) >= self._largest_statement_bytes:
            problem = f"A statement of {len(statement)} bytes, max_allowed_packet is {self._largest_statement_bytes}"
            raise OperationalError(ER.NET_PACKET_TOO_LARGE, problem)

    def _defer(self, statement: _DeferredStatement) -> int:
        """Defer a statement. If the statement is too long to share a packet with others, execute it immediately
        instead. Return the number of rows that an executed statement has changed; 0 for a deferred statement."""
        if len(statement.sql) > LONGEST_PACKET_BYTES:
            row_count: int = super().query(statement.sql)
            if statement.check_row_count is not None:
                statement.check_row_count(row_count)
            return row_count
        self._deferred_statements.append(statement)
        self._deferred_bytes += len(statement.sql)
        self._result = MySQLResult(None)
        self._result.affected_rows, self._affected_rows = 0, 0
        return 0

    def commit(self) -> None:
        """Commit the transaction. If a deferred statement fails, send ROLLBACK instead of COMMIT, and raise the error
        of the statement. SQLAlchemy counts the transaction as ended after this call, even if the call raises an
        exception, and sends no ROLLBACK.
        """
        self.is_commit_sent = False
        try:
            self._flush()
        except Exception:
            self._roll_back_or_close()
            raise
        self.is_commit_sent = True
        super().commit()

    def rollback(self) -> None:
        """Roll the transaction back. Deferred statements that weren't sent are dropped."""
        self._deferred_statements, self._deferred_bytes = [], 0
        self._transaction_error = None
        super().rollback()

    def _roll_back_or_close(self) -> None:
        """Send ROLLBACK. If that fails, close the connection, which also ends the transaction."""
        try:
            self.rollback()
        except Exception:
            self._force_close()

    def _flush(self, last_statement: bytes | None = None) -> None:
        """Send the deferred statements, and `last_statement` if there is one, in one packet, and read the answers to
        the deferred statements. The first error of a deferred statement becomes the error of the transaction. If
        there is no `last_statement`, this method raises the error.
        """
        self._raise_error_of_failed_statement()
        statements, self._deferred_statements, self._deferred_bytes = self._deferred_statements, [], 0
        if not statements:
            return
        texts = [statement.sql for statement in statements]
        if last_statement is not None:
            texts.append(last_statement)
        if not self._sock:
            super().query(b"DO 1")  # raises the driver's error
        self._result = None
        self._write_bytes(b"".join(struct.pack("<iB", len(text) + 1, COMMAND.COM_QUERY) + text for text in texts))
        for statement in statements:
            self._next_seq_id = 1
            try:
                row_count = self._read_query_result()
                if statement.check_row_count is not None:
                    statement.check_row_count(row_count)
            except Exception as error:
                self._transaction_error = self._transaction_error or error
                if not self._sock:
                    raise self._transaction_error from None  # the connection is lost: no further answer comes
        if last_statement is None:
            self._raise_error_of_failed_statement()

    def _raise_error_of_failed_statement(self) -> None:
        """Raise the first error of a deferred statement of this transaction. Do nothing if none has failed."""
        if self._transaction_error is not None:
            raise self._transaction_error

    def _read_query_result(self, unbuffered: bool = False) -> int:
        if unbuffered:
            unbuffered_count: int = super()._read_query_result(unbuffered)
            return unbuffered_count
        self._result = None
        result = _Result(self)
        result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        row_count: int = result.affected_rows
        return row_count

    def find_known_description(self, field_count: int) -> _ResultDescription | None:
        """Return the description (names and types of the columns) of the next result, which has `field_count`
        columns. Return None if this connection hasn't remembered an equal description, or if the description hasn't
        completely arrived. This method consumes no bytes. If no byte has arrived, it waits for the answer. Raises
        OperationalError if the connection is lost.
        """
        try:
            arrived = self._rfile.peek()
        except OSError as lost:
            self._force_close()
            raise OperationalError(
                CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query ({lost})"
            ) from lost
        return next(
            (
                description
                for description in self._known_descriptions.get(field_count, ())
                if arrived.startswith(description.content)
            ),
            None,
        )

    def remember_description(self, description: _ResultDescription) -> None:
        """Remember the description (names and types of the columns) of a result. If too many descriptions with the
        same number of columns are remembered, the oldest one is forgotten.
        """
        field_count = len(description.fields)
        self._known_descriptions.setdefault(field_count, deque(maxlen=_MAX_KNOWN_DESCRIPTIONS)).append(description)
