"""Due tasks of refunds: send approved refunds, poll accepted ones, probe those with an unknown outcome, request
refunds of set-asides, and expire requests about which no person has decided."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode
from console.domain.payments.records import Refund, SetAside
from console.domain.tasks.retry_schedules import REFUND_SENDING_WAITS, compute_next_attempt_time_of_endless_schedule
from console.providers.payments.provider import PaymentReader
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.process.failpoints import FailpointReached
from console.services.process.failure_suppression import log_and_suppress
from console.services.process.read_only import find_read_only_switch
from console.services.refunds import outcomes as refund_outcomes
from console.services.refunds import records as refund_records
from console.services.refunds.approval import RefundDecisionService
from console.services.refunds.outcomes import COOLING_OFF_REASON, POLL_REASON, PROBE_REASON, SUBMISSION_REASON
from console.services.refunds.probe import RefundProber
from console.services.refunds.request import RefundRequestService
from console.services.refunds.submit import RefundSubmitter
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.due_tasks import BATCH_SIZE, DueTask, act_on_unchanged_record, skip_failures
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.payments import set_asides
from console.store.refunds import refunds

LASTING_REFUND_ERROR_CODES = frozenset(
    {ErrorCode.OVER_LIMIT, ErrorCode.OUTSIDE_WINDOW, ErrorCode.NOT_ALLOWED, ErrorCode.EXCEEDS_CAPTURED}
)
"""Error codes of a submission that was refused and would also be refused later. A person must then review the refund.
"""
TEMPORARY_NOT_ALLOWED_REASONS = frozenset(
    {NotAllowedReason.RIGHT_MISSING, NotAllowedReason.COOLING_OFF_NOT_OVER, NotAllowedReason.REFUSED_BY_THE_DATABASE}
)
"""Reasons of `not_allowed` after which a later submission may succeed, because another database account runs the task
then, or because the cooling-off has ended. (The clock of the server may be behind the clock of this desk.)
"""
MAX_UNUSABLE_ANSWERS = 4
"""Number of attempts to send a refund that may end because the provider's answer to the question before the sending
can't be used; with the waits between them, these attempts take about an hour and a half. After that, a person must
look at the answers. At this time the refund's time limit has not passed yet.
"""
_ERROR_CODES_CONCERNING_ALL_REFUNDS = OWN_FAILURE_ERROR_CODES | {ErrorCode.DATABASE_WENT_BACK}
"""Error codes of failures of the database or of this desk, and of a database that went back to an earlier state."""


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
        payment_providers: PaymentProviders,
    ) -> None:
        self._context = context
        self._payment_providers = payment_providers
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
            ("set_aside_refunds", self._request_set_aside_refunds),
            (
                "refund_submissions",
                lambda: self._run_for_due_refunds(
                    (SUBMISSION_REASON, COOLING_OFF_REASON), self._submit_refund, moves_money=True
                ),
            ),
            ("refund_polls", lambda: self._run_for_due_refunds((POLL_REASON,), self._probe_refund)),
        )

    def _probe_refund(self, refund: Refund) -> None:
        self._refund_prober.probe(refund.id, is_automatic=True)

    def _submit_refund(self, refund: Refund) -> None:
        self._refund_submitter.submit_refund(refund.id)

    def _request_set_aside_refunds(self) -> int:
        """Due task: request the refund of each open set-aside that has no refund request yet. Return the number of
        requests. If a rule refuses a request, the set-aside's case stays open, and the next run tries again."""
        request_count, after_id = 0, 0
        while batch := self._list_set_asides_without_request(after_id):
            for item in iterate_until_stopped(batch):
                with skip_failures(f"set-aside {item.id}"):
                    self._refund_requests.request_set_aside_refund(item)
                    request_count += 1
            if after_id == batch[-1].id:
                break
            after_id = batch[-1].id
        return request_count

    def _list_set_asides_without_request(self, after_id: int) -> Sequence[SetAside]:
        with self._context.database.read() as conn:
            return set_asides.list_open_set_asides_without_refund(conn, BATCH_SIZE, after_id)

    def _expire_requests(self) -> int:
        """Due task: expire the refunds about which no person has decided before their time limit `decide_by`, and the
        approved refunds that could not be sent before this limit. Return the number of handled refunds."""
        with self._context.database.read() as conn:
            now = read_current_time(conn, self._context.now())
            expired_refunds = refunds.list_refunds_overdue_for_decision(conn, now, BATCH_SIZE)
        expired_count = sum(map(self._expire_refund, iterate_until_stopped(expired_refunds)))
        after_id = 0
        while True:
            with self._context.database.read() as conn:
                batch = refunds.list_refunds_overdue_for_sending(conn, now, BATCH_SIZE, after_id)
                expired_refunds = tuple(
                    refund for refund in batch if self._decision_service.has_expired(refund, conn)
                )
            if not batch:  # a page with an unreadable row is shorter
                return expired_count
            expired_count += sum(map(self._expire_refund, iterate_until_stopped(expired_refunds)))
            after_id = batch[-1].id

    def _expire_refund(self, refund: Refund) -> int:
        """Let a refund expire for which no decision was made in time. Return 1, or 0 if the refund has changed
        meanwhile.
        """
        return self._run_for_refund(refund, lambda refund: self._decision_service.expire(refund.id))

    def _run_for_due_refunds(
        self, reasons: Collection[str], act: Callable[[Refund], object], *, moves_money: bool = False
    ) -> int:
        """Call `act` with each refund whose work is due and has one of `reasons` (codes such as PROBE_REASON) as its
        reason, at most BATCH_SIZE refunds. Return the number of handled refunds.

        Refunds are skipped if another process has changed them meanwhile, or if this desk can't call their provider.
        With `moves_money`, refunds that a read-only switch stops are skipped as well; the first run after the switch
        is off handles them.
        """
        context, now = self._context, self._context.now()
        with context.database.read() as conn:
            if moves_money and find_read_only_switch(conn) is not None:
                return 0
            providers = refunds.list_providers_of_due_refunds(conn, reasons, now)
            stopped_providers = {
                provider
                for provider in providers
                if moves_money and find_read_only_switch(conn, provider) is not None
            }
        usable_providers = {
            provider for provider in providers - stopped_providers if self._can_call_provider(provider)
        }
        if not usable_providers:
            return 0
        with context.database.read() as conn:
            due_refunds = refunds.list_due_refunds(conn, reasons, now, BATCH_SIZE, usable_providers)
        return sum(
            self._run_for_refund(refund, lambda refund: self._handle_refund_or_postpone(refund, act))
            for refund in iterate_until_stopped(due_refunds)
        )

    def _can_call_provider(self, provider: str) -> bool:
        """True if this desk can call the provider; False if the provider isn't configured on this desk, or only sends
        notices."""
        reader: PaymentReader | None = None
        with skip_failures(f"provider {provider}"):
            reader = self._payment_providers.find_reader(provider)
        return reader is not None

    def _run_for_refund(self, refund: Refund, act: Callable[[Refund], object]) -> int:
        """Call `act` with the refund. Return 1, or 0 without a call if the refund has changed since it was read."""
        return act_on_unchanged_record(self._context, refund, refunds.find, act, f"refund {refund.id}")

    def _handle_refund_or_postpone(self, refund: Refund, act: Callable[[Refund], object]) -> None:
        """Call `act` with the due refund. If `act` raises an error and has not changed the refund, postpone the
        refund's work, so that the next run handles other refunds first; an error that concerns all refunds
        (`_concerns_all_refunds`) postpones nothing. Then raise the error again."""
        try:
            act(refund)
        except FailpointReached:
            raise
        except Exception as error:
            if not _concerns_all_refunds(error):
                with log_and_suppress(f"the next attempt for refund {refund.id}"):
                    self._context.write(partial(self._postpone_refund, due_refund=refund, error=error))
            raise

    @refunds.run_again_if_stale()
    def _postpone_refund(self, tx: Transaction, due_refund: Refund, error: Exception) -> None:
        """Schedule the next attempt for a refund, unless its row has changed since it was listed as `due_refund`.
        `error` has ended the attempt. A refund whose cooling-off period has not ended waits for its end."""
        context, now = self._context, self._context.now()
        refund = refund_records.require_refund_after_lapse(tx.conn, due_refund.id)
        if refund.version != due_refund.version:
            return
        detail = error.detail if isinstance(error, ConsoleError) else {}
        is_waiting = detail.get("reason") == NotAllowedReason.COOLING_OFF_NOT_OVER
        if is_waiting or refund.work.reason not in (SUBMISSION_REASON, COOLING_OFF_REASON):
            at = compute_next_attempt_time_of_endless_schedule(REFUND_SENDING_WAITS, 0, now, context.scale)
            work = replace(refund.work, at=at)
            until = detail.get("until")
            if is_waiting and isinstance(until, datetime):  # by this desk's clock the end may be over
                work = replace(work, at=max(at, until), reason=COOLING_OFF_REASON)
            refunds.change_refund(tx.conn, refund, now, **refunds.make_work_values(work))
            return
        refund_outcomes.postpone_refund_sending(
            context, tx, refund, _find_error_cause(error), is_lasting=_is_lasting_error(error, refund.work.attempt)
        )


def _concerns_all_refunds(error: Exception) -> bool:
    """True if the error doesn't depend on the single refund, so that every refund would fail with it now. An attempt
    that ends with such an error is not counted in the refund's work."""
    return isinstance(error, ConsoleError) and (
        error.code in _ERROR_CODES_CONCERNING_ALL_REFUNDS
        or error.detail.get("reason") == NotAllowedReason.RIGHT_MISSING
    )


def _find_error_cause(error: Exception) -> str | None:
    """Return the code of the cause of `error`, which ended an attempt before the refund was sent: the error's reason,
    or its error code if it has no reason. Return None if this program itself refused the attempt, because another
    audit entry already states that cause."""
    if not isinstance(error, ConsoleError):
        return ErrorCode.INTERNAL_ERROR
    if error.exit_status == EXIT_STATUS[ErrorCode.NOT_ALLOWED]:
        return None
    return str(error.detail.get("reason") or error.code)


def _is_lasting_error(error: Exception, attempt_count: int) -> bool:
    """True if a person must look at the refund, because a later attempt to send it would probably end with the same
    error. `attempt_count` is the number of earlier attempts."""
    if not isinstance(error, ConsoleError):
        return False
    reason = error.detail.get("reason")
    if error.code in LASTING_REFUND_ERROR_CODES:
        return reason not in TEMPORARY_NOT_ALLOWED_REASONS
    if error.code == ErrorCode.PROVIDER_ANSWER_UNUSABLE:
        return reason == refund_outcomes.ORDER_DELETED_AT_PROVIDER_REASON or attempt_count + 1 >= MAX_UNUSABLE_ANSWERS
    return False
