"""Rules that permit or exclude a decision of people about the outcome of a record. The decision table and the
services use the same rules. No I/O.
"""

from collections.abc import Iterable
from datetime import datetime

from console.domain.access.permissions import is_same_person
from console.domain.error_reasons import InProgressReason, NothingToResolveReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Order, OrderState, Payment, Refund
from console.domain.payments.states import (
    ENDED_UNPAID_STATES,
    ENDED_WITHOUT_MONEY_STATES,
    PAID_BY_CALLBACK_STATES,
    PAID_STATES,
    WAITING_STATES,
    PaymentState,
    RefundState,
    find_payment_state_path,
)
from console.domain.records import Certainty, CheckState, CreditCheck, Work, WorkReason, WorkState
from console.domain.transitions.tables import ENDED_REFUND_STATES

WORK_REASONS_OF_CONTRADICTION = frozenset({WorkReason.CONTRADICTED, WorkReason.ANSWER_DOES_NOT_FIT})
"""Work reasons of a record whose state the provider contradicts."""
_STATES_OF_UNSENT_REFUNDS = frozenset({RefundState.APPROVED, RefundState.WITHDRAWN, RefundState.EXPIRED})
"""States of a refund that was approved and is certainly not made."""


def is_decidable_check(check: CreditCheck) -> bool:
    """True if people may decide the outcome of a credit check: the outcome is unknown, or another application has
    written it without AlarmBox's id (`is_undecided_check_of_other_application`)."""
    return check.certainty is Certainty.UNKNOWN or is_undecided_check_of_other_application(check)


def is_undecided_check_of_other_application(check: CreditCheck) -> bool:
    """True if another application wrote the credit check without AlarmBox's id, it is pending or a success about
    which AlarmBox can't be queried, and people haven't decided about it yet. Two people may decide about it, because
    this program has not sent the purchase, and so has no answer that identifies the purchase. Such a row can be a
    duplicate of another row; until they have decided, it stops the renewal of that row."""
    if check.duplicate_of is not None:
        is_open = check.state is not CheckState.ERROR and check.credit_check_id is None
        return is_open and check.work == Work(WorkState.NEEDS_REVIEW, reason=WorkReason.DUPLICATE)
    return check.is_live and check.work == Work(WorkState.NEEDS_REVIEW, reason=WorkReason.WRITTEN_BY_OTHER)


def is_denied_but_bought(check: CreditCheck) -> bool:
    """True if people decided that the purchase was not made, and later either AlarmBox reported that it was made, or
    the application that wrote the credit check added AlarmBox's id."""
    is_contradicted = check.work.reason == WorkReason.CONTRADICTED or check.credit_check_id is not None
    return check.state is CheckState.ERROR and is_contradicted


def find_refetch_refusal(check: CreditCheck) -> str | None:
    """Return the code of the reason for which the missing parts of a credit check can't be re-fetched, such as
    `not_bought`; None if they can be. Such a code is the end of a wording key `reason.*`.
    """
    if check.state is CheckState.ERROR:
        return "bought_perhaps" if is_denied_but_bought(check) else "not_bought"
    if check.state is not CheckState.SUCCESS:
        return "bought_perhaps"
    if check.credit_check_id is None:
        return "no_provider_id"
    return "viewing_over" if check.viewing_over else None


def can_refetch(record: CreditCheck | Payment | Order | Refund) -> bool:
    """True if the record is a credit check whose parts can be re-fetched, also if it lacks none of them."""
    return isinstance(record, CreditCheck) and find_refetch_refusal(record) is None


def has_refetchable_parts(record: CreditCheck | Payment | Order | Refund) -> bool:
    """True if the record is a credit check that lacks parts, and these can be re-fetched."""
    return isinstance(record, CreditCheck) and bool(record.incomplete) and can_refetch(record)


def find_renewal_refusal(check: CreditCheck, now: datetime) -> str | None:
    """Return the code of the reason (the end of a wording key `reason.*`) for which a credit check can't be bought
    again as a renewal at the instant `now`; None if it can be.
    """
    if check.state is CheckState.ERROR:
        return "bought_perhaps" if is_denied_but_bought(check) else "not_bought"
    if check.state is not CheckState.SUCCESS:
        return "bought_perhaps"
    if not check.is_live:
        return "not_live"
    if check.expired_at is None:
        return "no_expiry_date"
    if check.credit_check_id is None:
        return "renewal_without_id"
    return None if has_expired(check, now) else ErrorCode.NOT_EXPIRED


def has_expired(check: CreditCheck, now: datetime) -> bool:
    """True if the validity of a credit check has ended at the instant `now`. False if the end of its validity isn't
    known."""
    return check.expired_at is not None and check.expired_at <= now


def is_decidable_refund(refund: Refund) -> bool:
    """True if people may decide the outcome of a refund: the outcome is unknown, or the provider has accepted the
    refund but no longer reports its outcome.
    """
    is_stuck = refund.state is RefundState.SUBMITTED and refund.work.state is WorkState.NEEDS_REVIEW
    return refund.certainty is Certainty.UNKNOWN or is_stuck


def is_contradicted_refund(refund: Refund) -> bool:
    """True if the outcome of a refund is stored as known, and a person must look at it because its provider
    contradicts it. An accepted refund doesn't count if the provider's answer is about something else
    (ANSWER_DOES_NOT_FIT): people may decide its outcome."""
    reasons = WORK_REASONS_OF_CONTRADICTION
    if refund.state is RefundState.SUBMITTED:
        reasons = frozenset({WorkReason.CONTRADICTED})
    is_reviewed = refund.work.state is WorkState.NEEDS_REVIEW and refund.certainty is Certainty.KNOWN
    return is_reviewed and refund.work.reason in reasons


def find_contradicted_refund(refunds: Iterable[Refund]) -> Refund | None:
    """Return the first of `refunds` that its provider contradicts (`is_contradicted_refund`); None if there is
    none."""
    return next(filter(is_contradicted_refund, refunds), None)


def is_refund_perhaps_made(refund: Refund) -> bool:
    """True if an approved refund may already have been executed: its provider reports a similar refund as running,
    and that may be this refund, sent by an earlier attempt."""
    return refund.state is RefundState.APPROVED and refund.error_code == InProgressReason.SIMILAR_REFUND_RUNNING


def is_refund_certainly_unsent(refund: Refund) -> bool:
    """True if the provider certainly hasn't accepted this refund: no process has tried to send it, or each attempt
    ended before the provider could accept it, for example because there was no connection. `sent_count` counts these
    attempts, too. False if the provider has answered about the refund, or may have made it.
    """
    if not refund.sent_count:
        return True
    return (
        refund.state in _STATES_OF_UNSENT_REFUNDS
        and refund.certainty is Certainty.KNOWN
        and refund.error_code is not None
        and not refund.not_found
        and refund.provider_state is None
        and not is_refund_perhaps_made(refund)
        and refund.work.reason not in WORK_REASONS_OF_CONTRADICTION
    )


def can_probe_ask_provider(record: CreditCheck | Payment | Order | Refund) -> bool:
    """True if a probe of the record can ask a provider. False if the provider has no call for the question, or if the
    record is a refund that no process has tried to send, or an order without a payment. Screens don't recommend such
    a probe.
    """
    if isinstance(record, CreditCheck):
        is_known = record.certainty is Certainty.KNOWN
        return is_known or record.relations is None or record.relations.finds_purchases
    if isinstance(record, Refund):
        return record.certainty is Certainty.UNKNOWN or record.provider_refund_key is not None
    if isinstance(record, Order):
        return bool(record.payment_ids)
    return record.relations is None or record.relations.can_ask_provider


def is_decision_time_over(refund: Refund, now: datetime) -> bool:
    """True if the time to decide about a refund request is over at the instant `now`. From then on, no person can
    approve or reject the refund, no list shows it as waiting for a decision, and it expires.

    `now` is the time by the clock of the database, because the time limit `decide_by` was computed by this clock. A
    caller that has no connection to the database passes the time by the desk's clock. The SQL of the lists compares
    `decide_by` with the time in the same way.
    """
    return refund.decide_by is not None and refund.decide_by < now


def find_decision_refusal(refund: Refund, person: str | None, now: datetime, *, is_approval: bool) -> str | None:
    """Return the code of the reason (the end of a wording key `reason.*`) for which the person of this name can't
    approve (`is_approval`) or reject a refund at the instant `now`; None if the person can. If `person` is None, only
    the state of the refund is checked.
    """
    if refund.state is not RefundState.REQUESTED or refund.certainty is not Certainty.KNOWN:
        return "refund_decided"
    if person is not None and is_same_person(person, refund.maker):
        return "refund_own"
    if is_approval and person is not None and any(is_same_person(person, checker) for checker in refund.checkers):
        return "refund_approved_by_you"
    return "refund_expired" if is_decision_time_over(refund, now) else None


def find_withdrawal_refusal(refund: Refund, person: str | None) -> str | None:
    """Return the code of the reason (the end of a wording key `reason.*`) for which the person of this name can't
    withdraw a refund; None if the person can. If `person` is None, only the state of the refund is checked.
    """
    if person is not None and not is_same_person(person, refund.maker):
        return "refund_not_maker"
    if refund.state not in (RefundState.REQUESTED, RefundState.APPROVED):
        return "refund_decided"
    if is_refund_perhaps_made(refund):
        return "refund_perhaps_sent"
    # The refund was sent, and the provider contradicts its state here.
    return "refund_contradicted" if refund.work.reason in WORK_REASONS_OF_CONTRADICTION else None


def is_perhaps_paid_after_end(payment: Payment) -> bool:
    """True if the payer may have paid a payment that is stored as failed, expired or reversed. This is so if its
    outcome is unknown because the provider has reported a payment that could not be booked, or if the provider
    contradicts the stored state.
    """
    has_ended = payment.state in ENDED_WITHOUT_MONEY_STATES
    return has_ended and (payment.certainty is Certainty.UNKNOWN or payment.work.reason == WorkReason.CONTRADICTED)


def find_decision_state_path(state: PaymentState, target: PaymentState) -> tuple[PaymentState, ...]:
    """Return the states through which a decision changes a payment from `state` to `target`: without `state`, with
    `target` as the last one, as `find_payment_state_path` returns them. Empty if there is no such path, or if
    `target` is REVERSED and the payment isn't paid."""
    if target is PaymentState.REVERSED and state in WAITING_STATES | ENDED_UNPAID_STATES:
        return ()  # nothing was paid that could be reversed
    return find_payment_state_path(state, target)


def find_payment_decision_refusal(payment: Payment, target: PaymentState) -> str | None:
    """Return the code of the reason (the end of a wording key `reason.*`) for which people can't decide that a
    payment is in the state `target`; None if they can.
    """
    is_open = payment.certainty is Certainty.UNKNOWN or payment.work.state is WorkState.NEEDS_REVIEW
    # Of a payment that its provider has refunded in full, nothing is left that could be reversed. Money given back
    # outside is still at the provider.
    is_refunded = 0 < payment.captured_minor <= payment.refunded_minor
    is_reversal = target is PaymentState.REVERSED and payment.state in PAID_STATES and not is_refunded
    if target is not payment.state and not find_decision_state_path(payment.state, target):
        return "no_such_step"
    return None if is_open or is_reversal else find_undecidable_reason(payment)


def find_done_outside_refusal(payment: Payment) -> str | None:
    """Return the code of the reason (the end of a wording key `reason.*`) for which people can't record that an
    amount of a payment was given back other than through its provider; None if they can. Only an amount that could
    also be requested as a refund can be recorded.
    """
    if payment.certainty is Certainty.UNKNOWN:
        return "payment_unknown"
    if payment.state is PaymentState.REVERSED:
        return "payment_reversed"
    if payment.state not in PAID_STATES:
        return "refund_not_paid"
    if payment.is_only_set_aside_money_left:
        return "outside_set_aside"
    return None if payment.requestable_minor else "refund_nothing_left"


def find_purpose_of_known_outcome_decision(payment: Payment) -> str | None:
    """Return the code of the reason for which people may decide about a payment although its outcome is known (the
    end of a wording key `record.resolve_purpose.*`); None if the outcome is unknown. `contradiction`: the provider
    contradicts the stored outcome. `review`: a decision ends the review by a person. `reversal`: people may learn of
    a reversal that the provider doesn't report.
    """
    if payment.certainty is Certainty.UNKNOWN:
        return None
    if payment.work.state is not WorkState.NEEDS_REVIEW:
        return "reversal"
    return "contradiction" if payment.work.reason in WORK_REASONS_OF_CONTRADICTION else "review"


def find_undecidable_reason(record: CreditCheck | Payment | Refund) -> str:
    """Return the code of the reason for which people have nothing to decide about a record. `outcome_known`: its
    outcome is known. `outcome_contradicted`: its outcome is stored, and the provider contradicts it.
    `outcome_expected`: the program still expects to learn the outcome.
    """
    if record.work.state is WorkState.NEEDS_REVIEW and record.work.reason in WORK_REASONS_OF_CONTRADICTION:
        return "outcome_contradicted"
    match record:
        case CreditCheck():
            is_expected = record.state is CheckState.PENDING
        case Payment():
            is_expected = record.state in WAITING_STATES | PAID_BY_CALLBACK_STATES
        case Refund():
            is_expected = record.state not in ENDED_REFUND_STATES
    return "outcome_expected" if is_expected else "outcome_known"


def make_undecidable_error(record: CreditCheck | Payment | Refund) -> ConsoleError:
    """Return the error `nothing_to_resolve` for a record about which people have nothing to decide; the error states
    the reason."""
    if find_undecidable_reason(record) == "outcome_expected":
        reason = NothingToResolveReason.OUTCOME_EXPECTED
        return ConsoleError(ErrorCode.NOTHING_TO_RESOLVE, {"record": record, "reason": reason})
    return ConsoleError(ErrorCode.NOTHING_TO_RESOLVE, {"record": record})


def make_stale_view_error(record: CreditCheck | Payment | Refund, expected_version: int) -> ConsoleError:
    """Return the error `stale_view` for a record that has changed since the version `expected_version`, which the
    person's screen shows."""
    differences = {"version": {"saw": expected_version, "now": record.version}, "state": record.state.value}
    return ConsoleError(ErrorCode.STALE_VIEW, {"record": record, "changed": differences})


def find_set_order_paid_refusal(
    payment: Payment, order: Order | None, *, is_order_covered: bool
) -> NothingToResolveReason | None:
    """Return the reason for which a person can't set the payment's order to paid; None if a person can. `order` is
    None if the payment has no order. `is_order_covered` is True if the paid amounts of the order's payments are
    together at least the order's total.
    """
    if order is None:
        return NothingToResolveReason.PAYMENT_WITHOUT_ORDER
    if payment.state is PaymentState.REVERSED:
        return NothingToResolveReason.PAYMENT_REVERSED
    if payment.state not in PAID_STATES:
        return NothingToResolveReason.PAYMENT_NOT_PAID
    if order.state is not OrderState.PENDING:
        return NothingToResolveReason.ORDER_NOT_PENDING
    if payment.state in PAID_BY_CALLBACK_STATES:
        return NothingToResolveReason.PAID_BY_CALLBACK_ONLY
    return None if is_order_covered else NothingToResolveReason.ORDER_NOT_COVERED
