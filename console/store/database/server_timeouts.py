"""Waiting for a server's answer: one that takes long is waited for as long as its server serves.

The driver waits for its whole limit, whatever has become of the server meanwhile. A slow statement can't be told from
one that hangs; but a node that froze, died or lost its cluster can, by a look at it on another connection.
"""

import io
import time
from collections.abc import Callable
from typing import Any

FIRST_LOOK_SECONDS = 2.0
NEXT_LOOK_SECONDS = 1.0
_SHORTEST_SECONDS = 0.01


class Answers(io.RawIOBase):
    """What arrives on a PyMySQL connection, in place of the reader that the driver made: no round trip and no thread
    more. Whoever waits looks by itself, asking `serves`, after two seconds and then each second.

    Giving up raises TimeoutError, which the driver tells as a connection that is gone (2013).
    """

    def __init__(self, connection: Any, serves: Callable[[], bool]) -> None:
        self._socket, self._serves = connection._sock, serves
        self.seconds = FIRST_LOOK_SECONDS
        connection._rfile.close()
        connection._rfile = io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            size: int = self._socket.recv_into(buffer)
        except TimeoutError:
            return self._wait(buffer, time.monotonic() + self.seconds - self._socket.gettimeout())
        return size

    def _wait(self, buffer: Any, until: float) -> int:
        while (left := until - time.monotonic()) > 0:
            if not self._serves():
                raise TimeoutError("the server serves no more")
            self._socket.settimeout(max(_SHORTEST_SECONDS, min(left, NEXT_LOOK_SECONDS)))
            try:
                return int(self._socket.recv_into(buffer))
            except TimeoutError:
                continue
        raise TimeoutError("no answer in time")


def allow(connection: Any, seconds: float | None) -> None:
    """How long one answer may take from now on; None: for ever, and only where nobody looks meanwhile.

    PyMySQL has no word for it, and holds only to what it says here.
    """
    answers = getattr(connection._rfile, "raw", None)
    if isinstance(answers, Answers) and seconds is not None:
        answers.seconds = seconds
        seconds = min(seconds, FIRST_LOOK_SECONDS)
    connection._read_timeout = seconds
