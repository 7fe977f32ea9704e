"""How a connection ends whose client is still speaking: otherwise a reset could overtake its answer."""

import asyncio
from collections.abc import Callable
from typing import Any

SECONDS, LARGEST = 2.0, 8 << 20
"""So long, and for so many bytes, what comes after the last word is heard and dropped."""


class Farewell:
    """A transport to whoever writes to it, but for its end.

    Closing with bytes unread makes TCP reset the connection, and a client that is about to send a large body would
    meet that instead of its refusal. So where `speaks` says that more is to come, the last word is said, and the rest
    is dropped until the client ends too. Over TLS, which has no half of an end, it is closed at once.
    """

    def __init__(self, line: asyncio.Transport, loop: asyncio.AbstractEventLoop, speaks: Callable[[], bool]) -> None:
        self._line, self._loop, self._speaks = line, loop, speaks
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0
        self.write = line.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    @property
    def is_over(self) -> bool:
        """The last word is said; what comes is to be handed to `hear`."""
        return self._timer is not None

    def is_closing(self) -> bool:
        return self.is_over or self._line.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        if not self._speaks() or not self._line.can_write_eof():
            self._line.close()
            return
        self._timer = self._loop.call_later(SECONDS, self._line.abort)
        self._line.write_eof()
        self._line.resume_reading()

    def hear(self, data: bytes) -> None:
        """Whatever it is, it comes too late."""
        self._heard += len(data)
        if self._heard > LARGEST:
            self._line.abort()

    def forget(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
