"""Ends the wait for a server's answer early if the server no longer works.

PyMySQL waits for its whole read timeout, even if the server has crashed meanwhile. On the waiting connection, a slow
statement looks the same as a crashed server. So the program checks on another connection if the node has frozen,
crashed or lost its quorum.
"""

import io
import time
from collections.abc import Callable
from typing import Any

SECONDS_UNTIL_FIRST_CHECK = 2.0
"""Time (seconds) from the start of a wait for an answer to the first check of the server."""
CHECK_INTERVAL_SECONDS = 1.0
"""Time (seconds) between two later checks of the server during one wait."""
_SHORTEST_TIMEOUT_SECONDS = 0.01
_BUFFER_BYTES = 32 * 1024
"""Size (bytes) of a connection's buffer of arrived bytes. The descriptions of a hundred columns fit in it, so that
they are recognised as a whole (`pipelining_connection`)."""


class AnswerReader(io.RawIOBase):
    """Reader of a PyMySQL connection's socket; it replaces the driver's own reader. It needs no thread and no
    extra round trip.

    The function `is_serving` returns True while the server still works on the statement. The waiting thread calls it
    after SECONDS_UNTIL_FIRST_CHECK and then every CHECK_INTERVAL_SECONDS. If `is_serving` returns False or the time
    limit is over, the reader raises TimeoutError, which PyMySQL reports as a lost connection (error 2013).
    """

    def __init__(self, connection: Any, is_serving: Callable[[], bool]) -> None:
        self._socket, self._is_serving = connection._sock, is_serving
        self.time_limit_seconds = SECONDS_UNTIL_FIRST_CHECK
        connection._rfile.close()
        connection._rfile = io.BufferedReader(self, _BUFFER_BYTES)

    def readable(self) -> bool:
        """Return True, because the bytes of the answer can be read. RawIOBase requires this method."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes of the answer into `buffer` and return their number. Raises TimeoutError if the server no longer
        works on the statement, or if the time limit is over.
        """
        try:
            byte_count: int = self._socket.recv_into(buffer)
        except TimeoutError:
            return self._wait_for_bytes(
                buffer, time.monotonic() + self.time_limit_seconds - self._socket.gettimeout()
            )
        return byte_count

    def _wait_for_bytes(self, buffer: Any, deadline: float) -> int:
        while (remaining_seconds := deadline - time.monotonic()) > 0:
            if not self._is_serving():
                raise TimeoutError("the server no longer serves statements")
            self._socket.settimeout(max(_SHORTEST_TIMEOUT_SECONDS, min(remaining_seconds, CHECK_INTERVAL_SECONDS)))
            try:
                return int(self._socket.recv_into(buffer))
            except TimeoutError:
                continue
        raise TimeoutError("no answer in time")


def limit_answer_time(connection: Any, limit_seconds: float | None) -> None:
    """Set the time limit (seconds) of each later answer on this connection. None, for no limit, is only allowed for a
    connection without an `AnswerReader`.

    PyMySQL has no public method for this limit, so the private attribute that it reads is set.
    """
    answer_reader = getattr(connection._rfile, "raw", None)
    if isinstance(answer_reader, AnswerReader) and limit_seconds is not None:
        answer_reader.time_limit_seconds = limit_seconds
        limit_seconds = min(limit_seconds, SECONDS_UNTIL_FIRST_CHECK)
    connection._read_timeout = limit_seconds
