"""Limits for the retries of a write: after lost races, while the server is unreachable, and while other sessions hold
locks.
"""

import time

from sqlalchemy.exc import DBAPIError

from console.store.database import error_codes

MAX_RERUNS = 5
"""Largest number of retries of a transaction that lost a race."""
UNREACHABLE_RETRY_SECONDS = 4.0
"""Time (seconds) during which a write is retried if its server was reached before and is unreachable now."""
NO_QUORUM_RETRY_SECONDS = 3.0
"""Time (seconds) during which a write is retried on nodes without a quorum. The nodes have needed seconds to notice
the loss, and the quorum seldom returns soon.
"""
OWN_CHAIN_RETRY_SECONDS = 4.0
"""Time (seconds) during which a write is retried because another thread of this process added the next row to the
process's audit chain first. It is retried at least MAX_RERUNS times, also if it has waited longer for locks.
"""
LOCKED_RETRY_SECONDS = 8.0
"""Time (seconds) after its beginning during which a write may wait again: for a lock of another session, or for a
server that commits no transactions at the moment.
"""


class RetryCounters:
    """Counts the failed tries of one write (`Database.write`) by their cause, and stores the time at which the write
    began."""

    def __init__(self) -> None:
        self._begun_at = time.monotonic()
        self._race_count = 0
        self._unreachable_count = 0
        self._chain_count = 0

    def allows_retry(self, error: Exception, *, was_connected: bool, has_unanswered_commit: bool) -> bool:
        """Count this error of a failed try. Return True if the write may be tried again after it; False if a limit of
        this module is reached, or if another try can't help.

        - `was_connected`: this process has reached the server before. If False, the address may be wrong, and the
          error is reported without a retry.
        - `has_unanswered_commit`: the server didn't answer a COMMIT of this write. Then the write is tried again even
          after a refusal, because the row of the lost transaction may have caused the refusal. Each try first looks
          for that row.
        """
        consequence, seconds = error_codes.get_error_consequence(error), time.monotonic() - self._begun_at
        if consequence == "gone":
            # The first retry is free of the time limit: the first try may have hung on one node while another one
            # works.
            self._unreachable_count += 1
            return was_connected and (self._unreachable_count == 1 or seconds < get_write_retry_seconds(error))
        # The cause: a COMMIT that had waited too long, and whose transaction the server hasn't committed.
        if seconds >= LOCKED_RETRY_SECONDS and (
            error_codes.is_lock_wait_timeout(error) or error_codes.has_waited_too_long(error.__cause__)
        ):
            return False
        if error_codes.is_conflict_in_own_audit_chain(error):
            self._chain_count += 1
            return self._chain_count <= MAX_RERUNS or seconds < OWN_CHAIN_RETRY_SECONDS
        self._race_count += 1
        return self._race_count <= MAX_RERUNS and (consequence == "undone" or has_unanswered_commit)


def get_write_retry_seconds(error: BaseException) -> float:
    """Return the time (seconds) during which a write is retried while the server is unreachable with this error; 0.0
    if the node or the session is read-only."""
    if isinstance(error, DBAPIError) and (
        error_codes.is_node_read_only(error) or error_codes.is_session_read_only(error)
    ):
        return 0.0  # each new connection is a new session, and looks for a node that isn't read-only
    return (
        min(UNREACHABLE_RETRY_SECONDS, NO_QUORUM_RETRY_SECONDS)
        if error_codes.has_no_quorum(error)
        else UNREACHABLE_RETRY_SECONDS
    )
