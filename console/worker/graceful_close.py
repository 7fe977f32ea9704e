"""Closes the connection to a sender that is still sending, so that the sender receives its answer. After an
immediate close, the sender could see a TCP reset instead of the answer."""

import asyncio
from collections.abc import Callable
from typing import Any

DRAIN_SECONDS = 2.0
"""Longest time in seconds for which data that arrive after the last answer are read and ignored."""
MAX_DRAINED_BYTES = 8 << 20
"""Largest number of bytes that are read and ignored after the last answer; then the connection is aborted."""


class ClosingTransport:
    """An asyncio transport that behaves like the wrapped transport, except for `close`.

    If a socket with unread bytes is closed, TCP resets the connection; the sender of a large body would then see
    the reset instead of the answer. So if `is_sending` returns True (the sender is still sending), `close` sends
    the answer, closes only the writing direction, and ignores incoming data until the sender closes the
    connection. TLS can't close only one direction, so a TLS connection is closed immediately.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, is_sending: Callable[[], bool]
    ) -> None:
        self._transport, self._loop, self._is_sending = transport, loop, is_sending
        self._timer: asyncio.TimerHandle | None = None
        self._dropped_bytes = 0
        self.write = transport.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def has_closed_writing(self) -> bool:
        """True if `close` has closed only the writing direction, because the sender of the request was still
        sending. The connection gets no further answer, and all data that arrive must be passed to `drop_data`."""
        return self._timer is not None

    def is_closing(self) -> bool:
        return self.has_closed_writing or self._transport.is_closing()

    def close(self) -> None:
        """Close the connection. If the sender is still sending, close the writing direction first and ignore its data
        for at most DRAIN_SECONDS.
        """
        if self.is_closing():
            return
        if not self._is_sending() or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._timer = self._loop.call_later(DRAIN_SECONDS, self._transport.abort)
        self._transport.write_eof()
        self._transport.resume_reading()

    def drop_data(self, data: bytes) -> None:
        """Count and ignore data that arrive after the last answer. Abort the connection after MAX_DRAINED_BYTES."""
        self._dropped_bytes += len(data)
        if self._dropped_bytes > MAX_DRAINED_BYTES:
            self._transport.abort()

    def cancel_timer(self) -> None:
        """Cancel the timer that aborts the connection, because the connection has already ended."""
        if self._timer is not None:
            self._timer.cancel()
