"""Due tasks of refunds: sending what is approved, following what was accepted, asking about what is unknown."""

from collections.abc import Callable, Collection, Sequence

from console.domain.errors import ConsoleError
from console.domain.order_records import Refund
from console.domain.payment_records import RefundState
from console.domain.records import Work, WorkState
from console.services import refund_reading
from console.services.desk import Desk
from console.services.due import BATCH, Task, skipping
from console.services.going_on import going_on
from console.services.refund_probing import RefundProbing
from console.services.refund_writing import COOLING_OFF, POLL, SUBMISSION, UNKNOWN
from console.services.submitting import Submitting
from console.services.voting import Voting
from console.store import refunds
from console.store.engine import Transaction

_R = RefundState
LASTING = frozenset({"over_limit", "outside_window", "not_allowed", "exceeds_captured"})
"""Refusals of a sending that time alone doesn't lift: a person has to look."""
PASSING = frozenset({"role", "cooling_off", "refused_by_the_database"})
"""Reasons of `not_allowed` that pass by themselves: somebody else runs the task, the time comes, also by the clock of
the server, which may be behind this desk's.
"""


class DueRefunds:
    """Each task takes what is due, each refund under its payment's lease, and goes on when one fails."""

    def __init__(self, desk: Desk, submitting: Submitting, probing: RefundProbing, voting: Voting) -> None:
        self._desk = desk
        self._submitting = submitting
        self._probing = probing
        self._voting = voting

    def tasks(self) -> Sequence[Task]:
        """In the order in which each finds what the one before it left."""
        return (
            ("refund_probes", lambda: self._each_due((UNKNOWN,), self._probe)),
            ("refund_expiry", self._expire),
            ("refund_submissions", lambda: self._each_due((SUBMISSION, COOLING_OFF), self._submit)),
            ("refund_polls", lambda: self._each_due((POLL,), self._probe)),
        )

    def _probe(self, refund: Refund) -> None:
        self._probing.probe(refund.id, automatic=True)

    def _submit(self, refund: Refund) -> None:
        """What can't be sent any more waits for a person, and is not tried again by itself."""
        try:
            self._submitting.submit(refund.id)
        except ConsoleError as refusal:
            reason = refusal.detail.get("reason")
            if refusal.code in LASTING and reason not in PASSING:
                self._put_before_people(refund.id)
            raise

    def _put_before_people(self, refund_id: int) -> None:
        desk = self._desk

        @refunds.runs_again()
        def put(tx: Transaction) -> None:
            refund = refund_reading.found(tx.conn, refund_id)
            if refund.state is _R.APPROVED and refund.work.state is WorkState.SCHEDULED:
                work = Work(WorkState.NEEDS_REVIEW, None, "not_sent", refund.work.attempt)
                refunds.change(tx.conn, refund, desk.now(), **refunds.work_values(work))

        desk.write(put)

    def _expire(self) -> int:
        """Requests that nobody decided in time, and approved ones that can't be sent: nothing was sent of either."""
        with self._desk.database.read() as conn:
            late = refunds.late(conn, self._desk.now(), BATCH)
        return sum(self._take(refund, lambda one: self._voting.expire(one.id)) for refund in going_on(late))

    def _each_due(self, reasons: Collection[str], act: Callable[[Refund], object]) -> int:
        """How many were taken; what another process has dealt with meanwhile is left alone."""
        with self._desk.database.read() as conn:
            found = refunds.due(conn, reasons, self._desk.now(), BATCH)
        return sum(self._take(refund, act) for refund in going_on(found))

    def _take(self, refund: Refund, act: Callable[[Refund], object]) -> int:
        with self._desk.database.read() as conn:
            fresh = refunds.find(conn, refund.id)
        if fresh is None or fresh.version != refund.version:
            return 0
        with skipping(f"refund {refund.id}"):
            act(refund)
        return 1
