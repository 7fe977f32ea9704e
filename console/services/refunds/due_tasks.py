"""Due tasks of refunds: send approved refunds, poll accepted ones, probe those with an unknown outcome, request
refunds of set-asides, and expire requests about which no person has decided."""

from collections.abc import Callable, Collection, Sequence

from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Refund, SetAside
from console.domain.payments.states import RefundState
from console.domain.records import Work, WorkReason, WorkState
from console.services.process.context import ServiceContext
from console.services.process.read_only import refuse_if_read_only
from console.services.refunds import records as refund_records
from console.services.refunds.approval import RefundDecisionService
from console.services.refunds.outcomes import COOLING_OFF_REASON, POLL_REASON, PROBE_REASON, SUBMISSION_REASON
from console.services.refunds.probe import RefundProber
from console.services.refunds.request import RefundRequestService
from console.services.refunds.submit import RefundSubmitter
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.due_tasks import BATCH_SIZE, DueTask, skip_failures
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.payments import set_asides
from console.store.refunds import refunds

LASTING_REFUND_ERROR_CODES = frozenset(
    {ErrorCode.OVER_LIMIT, ErrorCode.OUTSIDE_WINDOW, ErrorCode.NOT_ALLOWED, ErrorCode.EXCEEDS_CAPTURED}
)
"""Error codes of a refused submission that would be refused again later. A person must then review the refund."""
TEMPORARY_NOT_ALLOWED_REASONS = frozenset(
    {NotAllowedReason.RIGHT_MISSING, NotAllowedReason.COOLING_OFF_NOT_OVER, NotAllowedReason.REFUSED_BY_THE_DATABASE}
)
"""Reasons of `not_allowed` after which a later submission may succeed, because another database account runs the task
then, or because the cooling-off has ended. (The clock of the server may be behind the clock of this desk.)
"""


class RefundDueTasks:
    """The due tasks of refunds. Each task handles its refunds one after another; if one refund fails, the task
    continues with the next one."""

    def __init__(
        self,
        context: ServiceContext,
        refund_requests: RefundRequestService,
        refund_submitter: RefundSubmitter,
        refund_prober: RefundProber,
        decision_service: RefundDecisionService,
    ) -> None:
        self._context = context
        self._refund_requests = refund_requests
        self._refund_submitter = refund_submitter
        self._refund_prober = refund_prober
        self._decision_service = decision_service

    def list_tasks(self) -> Sequence[DueTask]:
        """Return the due tasks (name and function) in the sequence in which the scheduler should run them, because
        a task can create refunds for the tasks after it."""
        return (
            ("refund_probes", lambda: self._run_for_due_refunds((PROBE_REASON,), self._probe_refund)),
            ("refund_expiry", self._expire_requests),
            ("set_aside_refunds", self._propose_set_aside_refunds),
            (
                "refund_submissions",
                lambda: self._run_for_due_refunds((SUBMISSION_REASON, COOLING_OFF_REASON), self._submit_refund),
            ),
            ("refund_polls", lambda: self._run_for_due_refunds((POLL_REASON,), self._probe_refund)),
        )

    def _probe_refund(self, refund: Refund) -> None:
        self._refund_prober.probe(refund.id, is_automatic=True)

    def _submit_refund(self, refund: Refund) -> None:
        """Send the refund. If a read-only switch stops it, raise its error; the first run after the switch is off
        sends the refund. If the sending is refused with one of LASTING_REFUND_ERROR_CODES, and not for one of
        TEMPORARY_NOT_ALLOWED_REASONS, set the refund's work to needs_review and raise the error."""
        with self._context.database.read() as conn:
            refuse_if_read_only(conn, refund_records.require_payment(conn, refund.payment_id).provider)
        try:
            self._refund_submitter.submit_refund(refund.id)
        except ConsoleError as refusal:
            reason = refusal.detail.get("reason")
            if refusal.code in LASTING_REFUND_ERROR_CODES and reason not in TEMPORARY_NOT_ALLOWED_REASONS:
                self._request_review(refund.id)
            raise

    def _request_review(self, refund_id: int) -> None:
        context = self._context

        @refunds.run_again_if_stale()
        def write_review(tx: Transaction) -> None:
            refund = refund_records.require_refund(tx.conn, refund_id)
            if refund.state is RefundState.APPROVED and refund.work.state is WorkState.SCHEDULED:
                work = Work(WorkState.NEEDS_REVIEW, None, WorkReason.NOT_SENT, refund.work.attempt)
                refunds.change_refund(tx.conn, refund, context.now(), **refunds.make_work_values(work))

        context.write(write_review)

    def _propose_set_aside_refunds(self) -> int:
        """Due task: request the refund of each open set-aside that has no refund request yet. Return the number of
        requests. If a rule refuses a request, the set-aside's case stays open, and the next run tries again."""
        proposed_count, after_id = 0, 0
        while batch := self._list_set_asides_without_request(after_id):
            for item in iterate_until_stopped(batch):
                with skip_failures(f"set-aside {item.id}"):
                    self._refund_requests.propose_refund(item)
                    proposed_count += 1
            if after_id == batch[-1].id:
                break
            after_id = batch[-1].id
        return proposed_count

    def _list_set_asides_without_request(self, after_id: int) -> Sequence[SetAside]:
        with self._context.database.read() as conn:
            return set_asides.list_open_set_asides_without_refund(conn, BATCH_SIZE, after_id)

    def _expire_requests(self) -> int:
        """Due task: expire the refunds about which no person has decided before their time limit `decide_by`, and
        the approved refunds that could not be sent before then. Return the number of handled refunds."""
        with self._context.database.read() as conn:
            now = read_current_time(conn, self._context.now())
            expired_refunds = refunds.list_overdue_for_decision(conn, now, BATCH_SIZE)
        return sum(
            self._run_for_refund(refund, lambda refund: self._decision_service.expire(refund.id))
            for refund in iterate_until_stopped(expired_refunds)
        )

    def _run_for_due_refunds(self, reasons: Collection[str], act: Callable[[Refund], object]) -> int:
        """Call `act` with each refund whose work is due and has one of these reasons. A refund that another
        process has changed meanwhile is skipped. Return the number of handled refunds."""
        with self._context.database.read() as conn:
            due_refunds = refunds.list_due_refunds(conn, reasons, self._context.now(), BATCH_SIZE)
        return sum(self._run_for_refund(refund, act) for refund in iterate_until_stopped(due_refunds))

    def _run_for_refund(self, refund: Refund, act: Callable[[Refund], object]) -> int:
        with self._context.database.read() as conn:
            current_refund = refunds.find(conn, refund.id)
        if current_refund is None or current_refund.version != refund.version:
            return 0
        with skip_failures(f"refund {refund.id}", refund.work.attempt):
            act(refund)
        return 1
