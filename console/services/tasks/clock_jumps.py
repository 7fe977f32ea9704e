"""The due task that corrects scheduled times which were computed from a wrong clock.

If a clock was ahead, the rows that were written then have a change time in the future, and their next attempt is
scheduled too late. The correct time of the next attempt is unknown, so the row becomes due now. An early attempt does
no harm, because each task checks a record before it changes anything.
"""

from console.domain.clock import CLOCK_TOLERANCE
from console.services.process.context import ServiceContext
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.due_tasks import BATCH_SIZE, skip_failures
from console.store.database.compare_and_swap import StaleRow
from console.store.database.instants import read_current_time
from console.store.queues import future_dated_work
from console.store.queues.future_dated_work import FutureDatedRow


class ClockJumpCorrection:
    """Finds records and sagas whose next attempt is scheduled too late because a clock was ahead, and makes them
    due now."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def make_future_dated_rows_due(self) -> int:
        """Make at most BATCH_SIZE records and sagas due now whose next attempt is scheduled too late because a clock
        was ahead. Return their number. Raises not_allowed if the database account may not run due tasks."""
        self._context.require_right("due_tasks")
        now = self._context.now()
        with self._context.database.read() as conn:
            # If the clock of this machine is behind, the rows of all other machines seem to be in the future.
            latest_credible_time = max(now, read_current_time(conn, now)) + CLOCK_TOLERANCE
            future_dated_rows = future_dated_work.find_future_dated_rows(conn, latest_credible_time, BATCH_SIZE)
        return sum(self._make_row_due(row) for row in iterate_until_stopped(future_dated_rows))

    def _make_row_due(self, row: FutureDatedRow) -> int:
        """Make the row due now and return 1. Return 0 if another process has changed the row since it was read,
        because that process has then scheduled it again."""
        context, count = self._context, 0
        with skip_failures(f"the postponed work of {row.kind} {row.id}"):
            try:
                context.write(lambda tx: future_dated_work.set_due_now(tx.conn, row, context.now()))
                count = 1
            except StaleRow:
                pass
        return count
