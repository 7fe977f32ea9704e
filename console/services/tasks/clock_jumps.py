"""What a clock that was ahead has put off is done once a clock is right again, not a day later.

A due task. When a row that was written in the future is due nobody can tell, so it is due at once: asking early does
no harm, as each task judges its own records.
"""

from console.domain.clock import AHEAD
from console.services.desk import Desk
from console.services.due import BATCH, skipping
from console.services.going_on import going_on
from console.store import put_off
from console.store.put_off import PutOff
from console.store.swaps import Stale


class ClockJumps:
    """Finds records and sagas that would be late by the jump of a clock."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def run(self) -> int:
        """Make them due; how many. Raises not_allowed."""
        self._desk.require("due_tasks")
        latest = self._desk.now() + AHEAD
        with self._desk.database.read() as conn:
            found = put_off.find(conn, latest, BATCH)
        return sum(self._make_due(row) for row in going_on(found))

    def _make_due(self, row: PutOff) -> int:
        """Whoever has changed it meanwhile has planned it anew."""
        desk, done = self._desk, 0
        with skipping(f"what was put off of {row.kind} {row.id}"):
            try:
                desk.write(lambda tx: put_off.make_due(tx.conn, row, desk.now()))
                done = 1
            except Stale:
                pass
        return done
