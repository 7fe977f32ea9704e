"""Answer a repeated call (one with the same request id) if the answer to the first call was lost or was "outcome
unknown". The answer is built from the records that the first call wrote.

This is needed if the process of the first call was killed or failed after it had written something, or if an outcome
that was unknown then may be known now. Each public function returns an `AnswerFinder`. This is a function that
returns the answer to the repeated call, or None if the first call had no effect. After None, the repeated call may
execute its action. The answers to purchases and re-fetches are made in `services/credit_checks/replayed_answers.py`.
"""

from collections.abc import Callable

from console.domain.access.permissions import is_same_person
from console.domain.errors import ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.payments.provider_messages import StartedPayment
from console.domain.payments.records import Payment, Refund
from console.domain.payments.service_results import StartResult
from console.domain.payments.states import ENDED_WITHOUT_MONEY_STATES, RefundState
from console.domain.records import Certainty, CreditCheck, Operation, OperationState
from console.domain.tasks.records import BulkRun
from console.domain.views.any_record import ResolveResult
from console.services.annotations.notes import require_valid_note
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.leases import refuse_running_operation
from console.services.guarded.replayed_operations import (
    ERROR_CODE_BY_OUTCOME_CLASS,
    find_operation,
    make_refusal_answer,
    make_unknown_outcome_answer,
    was_never_sent,
)
from console.services.guarded.request_ids import AnswerFinder
from console.services.process.context import ServiceContext
from console.services.refunds import records as refund_records
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.operations.request_ids import ANSWERED_USE_STATE, RequestIdUse
from console.store.payments import orders, payments
from console.store.records import any_record, notes
from console.store.refunds import approvals, refunds


def make_start_answer_finder(context: ServiceContext) -> AnswerFinder:
    """Return the function that answers a repeated start of a payment. It returns the payment that the first call
    started, or the error with which the first start ended (outcome_unknown while its outcome is unknown); None if
    the first call had no effect. If the provider accepted the start, but the payment has no code that can still be
    paid, the error is already_decided with the payment's state."""

    def find_answer(request_id_use: RequestIdUse) -> CallAnswer | None:
        with context.database.read() as conn:
            operation, answers = find_operation(conn, request_id_use)
            lapsed_ids = journal.list_lapsed_record_ids(conn, payments.PAYMENT_KIND)
            payment = payments.find(conn, operation.subject_id or 0, lapsed_ids) if operation else None
        if operation is None:
            return None
        if payment is None or payment.certainty is Certainty.UNKNOWN:
            return make_unknown_outcome_answer(operation, payment)
        if payment.handle is not None and payment.state not in ENDED_WITHOUT_MONEY_STATES:
            start_values = (payment.merchant_payment_id, payment.handle, payment.url)
            return CallAnswer(StartResult(payment, StartedPayment(*start_values, expires_at=payment.expires_at)))
        if operation.state is OperationState.DONE:  # without a code that can still be paid, but no refusal
            facts: ProviderAnswerFacts = {
                "record": payment,
                "reason": operation.reason,
                "state": payment.state.value,
            }
            return CallAnswer(error=make_outcome_error(ErrorCode.ALREADY_DECIDED, facts))
        return None if was_never_sent(request_id_use, answers) else make_refusal_answer(operation, payment)

    return find_answer


def make_refund_request_answer_finder(context: ServiceContext) -> AnswerFinder:
    """Return the function that answers a repeated refund request. It returns the refund that the first call
    requested; None if the first call requested none."""

    def find_answer(request_id_use: RequestIdUse) -> CallAnswer | None:
        if request_id_use.subject_kind != refunds.REFUND_KIND or request_id_use.subject_id is None:
            return None
        return CallAnswer(refund_records.read_refund(context, int(request_id_use.subject_id)))

    return find_answer


def make_refund_approval_answer_finder(context: ServiceContext, refund_id: int) -> AnswerFinder:
    """Return the function that answers a repeated approval of this refund, which may also have sent the refund. It
    returns the refund, or the error with which the sending ended.

    If the first call did not begin to send, the function returns the refund if the acting person is one of its
    checkers (even while another process sends the refund), otherwise None. It also returns None if the sending ended
    before the request was sent, and no answer is stored. It raises in_progress while the first call is still sending
    the refund.
    """

    def find_answer(request_id_use: RequestIdUse) -> CallAnswer | None:
        with context.database.read() as conn:
            operation, _ = find_operation(conn, request_id_use)
            refund = refund_records.require_refund_after_lapse(conn, refund_id)
            if operation is None:
                return CallAnswer(refund) if _is_acting_person_checker(context, refund) else None
            if refund.state is RefundState.SUBMITTING and refund.certainty is Certainty.KNOWN:
                refuse_running_operation(conn, refunds.REFUND_KIND, refund)
        if refund.state is RefundState.SUBMITTING or refund.certainty is Certainty.UNKNOWN:
            return make_unknown_outcome_answer(operation, refund)
        if refund.state is RefundState.FAILED:
            return make_refusal_answer(operation, refund)
        if refund.state is RefundState.APPROVED:
            if operation.outcome_class in ERROR_CODE_BY_OUTCOME_CLASS:
                return make_refusal_answer(operation, refund)
            return CallAnswer(refund) if request_id_use.state == ANSWERED_USE_STATE else None
        return CallAnswer(refund)

    return find_answer


def make_refund_decision_answer_finder(context: ServiceContext, refund_id: int, state: RefundState) -> AnswerFinder:
    """Return the function that answers a repeated rejection or withdrawal of this refund. It returns the refund if
    the refund has reached `state`, the end state of the decision; otherwise None."""

    def find_answer(_: RequestIdUse) -> CallAnswer | None:
        refund = refund_records.read_refund(context, refund_id)
        return CallAnswer(refund) if refund.state is state else None

    return find_answer


def make_resolve_answer_finder(
    context: ServiceContext,
    kind: str,
    record_id: int | str,
    read_operation: Callable[[str], Operation] | None = None,
) -> AnswerFinder:
    """Return the function that answers a person's repeated decision about an outcome. It returns a `ResolveResult`
    with the record if the acting person's own proposal waits for a second person (then `awaiting` is
    "second_person"), or if the outcome is known now; otherwise None. The proposal counts first, because people may
    also decide about a known outcome. `read_operation` returns the operation with an id. It is needed for operations
    whose record the database has lost: the answer then has the operation."""

    def find_answer(_: RequestIdUse) -> CallAnswer | None:
        with context.database.read() as conn:
            subject_with_record = _find_record_with_outcome(conn, kind, record_id)
        subject_id: int | str
        record: CreditCheck | Payment | Refund | Operation
        if subject_with_record is not None:
            subject_kind, subject_id, record = subject_with_record
            is_known = record.certainty is Certainty.KNOWN
        elif read_operation is not None:
            subject_kind, subject_id, record = kind, record_id, read_operation(str(record_id))
            is_known = record.is_lost_without_effect
        else:
            return None
        with context.database.read() as conn:
            proposal = approvals.find_open_proposal(conn, subject_kind, str(subject_id))
        if proposal is not None and is_same_person(proposal.person, context.make_holder().operator):
            return CallAnswer(ResolveResult(record, awaiting="second_person"))
        return CallAnswer(ResolveResult(record)) if is_known else None

    return find_answer


def make_probe_answer_finder(context: ServiceContext, kind: str, record_id: int | str) -> AnswerFinder:
    """Return the function that answers a repeated probe. It returns the record if the record's outcome is known
    now, otherwise None."""

    def find_answer(_: RequestIdUse) -> CallAnswer | None:
        with context.database.read() as conn:
            if kind == orders.ORDER_KIND:
                return _make_order_answer(conn, record_id)
            record = _find_record_with_outcome(conn, kind, record_id)
        return CallAnswer(record[2]) if record is not None and record[2].certainty is Certainty.KNOWN else None

    return find_answer


def make_note_answer_finder(context: ServiceContext, kind: str, record_id: int, note_text: str) -> AnswerFinder:
    """Return the function that answers the repeated storing of a note. It returns the acting person's newest note
    on this record that has the text `note_text`; None if there is none."""

    def find_answer(_: RequestIdUse) -> CallAnswer | None:
        own_name, text = context.make_holder().operator, require_valid_note(note_text)
        with context.database.read() as conn:
            own_notes = [
                candidate
                for candidate in notes.list_notes(conn, kind, record_id)
                if (candidate.person, candidate.words) == (own_name, text)
            ]
        return CallAnswer(own_notes[-1]) if own_notes else None

    return find_answer


def make_hand_over_answer_finder(context: ServiceContext, kind: str, record_id: int, note_text: str) -> AnswerFinder:
    """Return the function that answers a repeated hand-over of a record. It returns True if the first call has
    stored the note `note_text`, otherwise None."""
    find_note = make_note_answer_finder(context, kind, record_id, note_text)

    def find_answer(request_id_use: RequestIdUse) -> CallAnswer | None:
        return CallAnswer(True) if find_note(request_id_use) is not None else None

    return find_answer


def make_order_paid_answer_finder(context: ServiceContext, payment_id: int) -> AnswerFinder:
    """Return the function that answers a repeated call with which a person sets the order of this payment to paid. It
    returns the order in its present form; None if the payment has no order."""

    def find_answer(_: RequestIdUse) -> CallAnswer | None:
        with context.database.read() as conn:
            payment = payments.find(conn, payment_id)
            order = orders.find(conn, payment.order_id) if payment and payment.order_id else None
        return None if order is None else CallAnswer(order)

    return find_answer


def make_bulk_run_answer_finder(read_run: Callable[[int], BulkRun]) -> AnswerFinder:
    """Return the function that answers the repeated creation, stop or discarding of a bulk run. It returns the run
    that the first call created or changed, in its present form; None if that call changed none. `read_run` returns a
    run by its id."""

    def find_answer(request_id_use: RequestIdUse) -> CallAnswer | None:
        return CallAnswer(read_run(int(request_id_use.subject_id))) if request_id_use.subject_id is not None else None

    return find_answer


def _is_acting_person_checker(context: ServiceContext, refund: Refund) -> bool:
    return any(is_same_person(context.make_holder().operator, checker) for checker in refund.checkers)


def _make_order_answer(conn: Connection, order_id: int | str) -> CallAnswer | None:
    """Return the order as the answer to a repeated probe if the outcomes of all its payments are known, otherwise
    None."""
    order = orders.find(conn, _parse_record_id(order_id))
    order_payments = (
        payments.find_by_order(conn, order.id, journal.list_lapsed_record_ids(conn, payments.PAYMENT_KIND))
        if order
        else ()
    )
    is_known = bool(order_payments) and all(payment.certainty is Certainty.KNOWN for payment in order_payments)
    return CallAnswer(order) if is_known else None


def _parse_record_id(record_id: int | str) -> int:
    """Return the record id as a number. For a text that is not a number return 0, which no record has as its id."""
    text = str(record_id)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0


def _find_record_with_outcome(
    conn: Connection, kind: str, record_id: int | str
) -> tuple[str, int, CreditCheck | Payment | Refund] | None:
    """Return the record with its kind and id if its outcome can be unknown (a credit check, payment or refund),
    otherwise None. For the id of an operation, return the record that the operation changes."""
    if kind == "operation":
        operation = journal.find_with_state_after_lapse(conn, str(record_id))
        if operation is None:
            return None
        kind, record_id = operation.subject_kind, operation.subject_id or 0
    number = _parse_record_id(record_id)
    record = any_record.find(conn, kind, number, journal.list_lapsed_record_ids_by_kind(conn))
    return (kind, number, record) if isinstance(record, CreditCheck | Payment | Refund) else None
