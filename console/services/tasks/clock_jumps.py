"""Due task for records whose next attempt was scheduled by a clock that was ahead, and is therefore too late.

The correct due time of a row whose change time lies in the future is unknown, so the row becomes due now. An early
attempt does no harm, because each task checks its records first.
"""

from console.domain.clock import CLOCK_TOLERANCE
from console.services.process.context import ServiceContext
from console.services.tasks.cancellation import until_stopped
from console.services.tasks.due_tasks import BATCH_SIZE, skip_failures
from console.store.database.compare_and_swap import Stale
from console.store.queues import future_dated_work as put_off
from console.store.queues.future_dated_work import FutureDatedRow


class ClockJumps:
    """Finds records and sagas that a clock which was ahead has delayed."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def run(self) -> int:
        """Make the delayed records due. Return how many. Raises not_allowed."""
        self._context.require("due_tasks")
        latest = self._context.now() + CLOCK_TOLERANCE
        with self._context.database.read() as conn:
            postponed = put_off.find_future_dated(conn, latest, BATCH_SIZE)
        return sum(self._make_due(row) for row in until_stopped(postponed))

    def _make_due(self, row: FutureDatedRow) -> int:
        """Make the row due. Skip it if another process has changed, and so rescheduled, it. Return 1 or 0."""
        context, count = self._context, 0
        with skip_failures(f"what was put off of {row.kind} {row.id}"):
            try:
                context.write(lambda tx: put_off.make_due(tx.conn, row, context.now()))
                count = 1
            except Stale:
                pass
        return count
