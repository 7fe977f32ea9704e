"""Limits of a write's retries: after lost races, while a server is unreachable, while other sessions hold locks."""

import time

from console.store.database import error_codes

MAX_RERUNS = 5
"""Number of retries of a transaction that lost a race."""
UNREACHABLE_RETRY_SECONDS = 4.0
"""Time during which a write is retried if its server was reached before and is unreachable now."""
NO_QUORUM_RETRY_SECONDS = 3.0
"""Time during which a write is retried on nodes without a quorum. The nodes took seconds to notice the loss, and the
quorum seldom returns soon.
"""
OWN_CHAIN_RETRY_SECONDS = 4.0
"""Time during which a write is retried because another thread of this process was the first to add a row to the
process's audit chain.
"""
LOCKED_RETRY_SECONDS = 8.0
"""Time after which a write doesn't wait again for another session's lock."""


class RetryCounters:
    """Retry counters of one write, and the time at which it began."""

    def __init__(self) -> None:
        self._begun_at = time.monotonic()
        self._race_count = 0
        self._absence_count = 0

    def allows_retry(self, error: Exception, *, was_connected: bool, in_doubt: bool) -> bool:
        """Return True if another try is worthwhile after this error.

        - `was_connected`: this process has reached the server before. A wrong address is reported without a retry.
        - `in_doubt`: a COMMIT of this write was not answered. Each try begins with a look for its row, so even a
          refusal is tried again: the lost transaction's own row may be the reason for it.
        """
        fate, seconds = error_codes.fate_of(error), time.monotonic() - self._begun_at
        if fate == "gone":
            # The first retry is free of the time limit: the first try may have hung on one node while another one
            # works.
            self._absence_count += 1
            return was_connected and (self._absence_count == 1 or seconds < unreachable_retry_seconds(error))
        if error_codes.is_lock_wait_timeout(error) and seconds >= LOCKED_RETRY_SECONDS:
            return False
        if error_codes.was_lost_to_own_chain(error):
            return seconds < OWN_CHAIN_RETRY_SECONDS
        self._race_count += 1
        return self._race_count <= MAX_RERUNS and (fate == "undone" or in_doubt)


def unreachable_retry_seconds(error: BaseException) -> float:
    """Return the time (seconds) during which a write is retried while the server is unreachable with this error."""
    return (
        min(UNREACHABLE_RETRY_SECONDS, NO_QUORUM_RETRY_SECONDS)
        if error_codes.has_no_quorum(error)
        else UNREACHABLE_RETRY_SECONDS
    )
