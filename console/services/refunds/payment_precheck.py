"""Read the payment at the provider before a refund of it is approved, and again before the refund is sent.

If the provider has a refund that the database doesn't have, the database may have lost it. A person must then
check that refund before the program sends another refund of the payment.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from console.domain.error_reasons import ExceedsCapturedReason, NotAllowedReason
from console.domain.errors import ErrorCode, make_outcome_error
from console.domain.errors.details import ProviderAnswerFacts
from console.domain.money import make_stored_money
from console.domain.payments.provider_messages import (
    ListedRefund,
    PaymentQuestion,
    PaymentReport,
    RefundReport,
)
from console.domain.payments.records import Refund
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PAID_STATES, RefundState
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT, Outcome, OutcomeClass
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, WorkReason
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.providers.payments.provider import PaymentReader, RefundLister
from console.services.payments.apply_report import ReportWithSource, store_stated_facts
from console.services.payments.next_work import require_payment_after_lapse
from console.services.payments.probe import find_report, read_question_time
from console.services.payments.unrecorded_refunds import is_refund_of_this_console, open_case_of_unrecorded_refunds
from console.services.process.context import ServiceContext
from console.services.refunds.idempotency_key import find_refund_key
from console.services.refunds.late_outcomes import apply_refund_report
from console.services.refunds.records import RefundWithPayment
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments
from console.store.records import evidence
from console.store.refunds import refunds

T = TypeVar("T")
REFUND_LIST_CALL_NAME = "refund_list"
"""Name, in the evidence of its answer, of the call that lists all refunds of a payment."""
_ANSWERED_OUTCOME_CLASSES = (
    OutcomeClass.SUCCEEDED,
    OutcomeClass.PENDING,
    OutcomeClass.FAILED_DEFINITE,
    OutcomeClass.NOT_FOUND,
)


@dataclass(frozen=True, slots=True)
class PrecheckAnswers:
    """The provider's answers to the questions that the program asks before a refund. `is_payment_read` is True if the
    provider has answered the question about the payment.

    `list_failure` is the provider's answer if it should contain a list of the payment's refunds and the list is
    unreadable or incomplete. It is None if the provider has listed the refunds, or if this provider lists no refunds
    at all.
    """

    is_payment_read: bool
    list_failure: Outcome[object] | None

    @property
    def are_complete(self) -> bool:
        """True if the provider has answered both questions: about the payment, and about its refunds."""
        return self.is_payment_read and self.list_failure is None


def require_refundable_payment(
    context: ServiceContext, reader: PaymentReader, refund_with_payment: RefundWithPayment
) -> PrecheckAnswers:
    """Read the payment of `refund_with_payment` at the provider, with the provider's adapter `reader`. Also read the
    payment's refunds, if the provider lists them in a separate answer. Return the answers, which show whether each
    question was answered. Raise an error if an answer doesn't allow the refund.

    A missing answer allows the approval, but not the sending. The caller must not send a refund without a list of the
    payment's refunds (`list_failure`), because the database may have lost a refund of another amount, which has
    another key.

    Raises not_allowed if the payment is not paid at the provider, or if the provider has a refund of the payment that
    the database doesn't have and that no person has acknowledged. Raises exceeds_captured if less than the refund's
    amount can still be refunded at the provider.
    """
    payment, refund = refund_with_payment.payment, refund_with_payment.refund
    question = PaymentQuestion(
        merchant_payment_id=payment.merchant_payment_id,
        provider_payment_id=payment.provider_payment_id,
        amount=make_stored_money(payment.captured_minor, payment.currency),
        begun_at=payment.begun_at or payment.paid_at or payment.created_at,
        by_code=payment.by_code,
    )
    asked_at = read_question_time(context)
    outcome = reader.read_payment(question)
    has_unrecorded_refund = context.write(
        lambda tx: _store_answer_and_open_unrecorded_refund_case(context, tx, refund_with_payment, outcome, asked_at)
    )
    reported_refunds = _list_reported_refunds(outcome)
    objection = _find_refund_refusal(context, refund_with_payment, outcome, reported_refunds) or (
        (ErrorCode.NOT_ALLOWED, NotAllowedReason.UNRECORDED_REFUND) if has_unrecorded_refund else None
    )
    if objection is not None:
        code, reason = objection
        provider_word = outcome.content.provider_state if outcome.content else outcome.reason
        raise make_outcome_error(code, {"record": refund, "reason": reason, "provider_state": provider_word})
    list_failure: Outcome[object] | None = None
    if isinstance(reader, RefundLister):
        list_failure = _find_list_failure(context, reader, refund_with_payment, question)
    elif reader.capabilities.lists_refunds_with_payment:
        if reported_refunds is None:
            list_failure = outcome
        else:
            list_failure = _make_unusable_list_outcome(context, refund_with_payment, outcome, reported_refunds)
    return PrecheckAnswers(outcome.kind in _ANSWERED_OUTCOME_CLASSES, list_failure)


def _get_refund_reports(outcome: Outcome[PaymentReport]) -> tuple[RefundReport, ...] | None:
    """Return the refunds in the provider's answer about the payment; None if the answer is unusable or missing, or if
    one of the refunds in it can't be read."""
    return (
        outcome.content.refunds
        if outcome.content is not None and outcome.kind in OUTCOME_CLASSES_WITH_EFFECT
        else None
    )


def _list_reported_refunds(outcome: Outcome[PaymentReport]) -> tuple[ListedRefund, ...] | None:
    """Return the refunds of `_get_refund_reports` without those that the provider reports as failed; None if that
    function returns None."""
    reports = _get_refund_reports(outcome)
    if reports is None:
        return None
    return tuple(
        ListedRefund(report.key, report.amount) for report in reports if report.state is not RefundState.FAILED
    )


def _find_list_failure(
    context: ServiceContext,
    refund_lister: RefundLister,
    refund_with_payment: RefundWithPayment,
    question: PaymentQuestion,
) -> Outcome[tuple[ListedRefund, ...]] | None:
    """Read the list of the payment's refunds at the provider. Return the provider's answer if it contains no usable
    list, None if it contains one. Raises not_allowed if the list has a refund that the database doesn't have and that
    no person has acknowledged. Raises exceeds_captured if less than the refund's amount can still be refunded."""
    outcome = refund_lister.list_refunds(question)
    facts: ProviderAnswerFacts = {"record": refund_with_payment.refund}
    if context.write(
        lambda tx: _store_list_and_open_unrecorded_refund_case(context, tx, refund_with_payment, outcome)
    ):
        raise make_outcome_error(ErrorCode.NOT_ALLOWED, {**facts, "reason": NotAllowedReason.UNRECORDED_REFUND})
    if outcome.kind not in (OutcomeClass.SUCCEEDED, OutcomeClass.NOT_FOUND):
        return outcome
    if _exceeds_captured_amount(context, refund_with_payment, outcome.content or ()):
        reason = ExceedsCapturedReason.MORE_THAN_PROVIDER_REFUNDS
        raise make_outcome_error(ErrorCode.EXCEEDS_CAPTURED, {**facts, "reason": reason})
    return _make_unusable_list_outcome(context, refund_with_payment, outcome, outcome.content or ())


def _make_unusable_list_outcome(
    context: ServiceContext,
    refund_with_payment: RefundWithPayment,
    outcome: Outcome[T],
    listed_refunds: Collection[ListedRefund],
) -> Outcome[T] | None:
    """Return a copy of the provider's answer `outcome` with an unknown outcome if its list of the payment's refunds
    (`listed_refunds`) can't be used. Return None if the list can be used.

    A list can't be used in two cases: it lacks a refund that the provider has made, or it has a refund that the
    payment's sums don't include and whose amount can't be read. A list that lacks one refund may also lack a refund
    that the database has lost. A refund that is completed only because people have decided so needn't be in the list,
    because it may have been made in another way.
    """
    with context.database.read() as conn:
        payment_refunds = refunds.find_by_payment(conn, refund_with_payment.payment.id)
        uncounted_refunds = _list_uncounted_refunds(context, conn, refund_with_payment, listed_refunds)
    listed_keys = {listed_refund.key for listed_refund in listed_refunds}
    is_whole = all(
        refund.provider_refund_key in listed_keys for refund in payment_refunds if _has_provider_made_refund(refund)
    )
    if is_whole and all(listed_refund.amount is not None for listed_refund in uncounted_refunds):
        return None
    reason = "bad_amount" if is_whole else "list_lacks_refund"
    return replace(outcome, kind=OutcomeClass.UNKNOWN, reason=reason, content=None)


def _has_provider_made_refund(refund: Refund) -> bool:
    """True if the provider has said that it has made the refund. There are two cases. First: the refund is completed,
    and not only because people have decided so. Second: the refund has ended without effect in our database, and the
    provider contradicts that.
    """
    if refund.state is RefundState.COMPLETED:
        return refund.error_code != RESOLVED_BY_PEOPLE_CAUSE
    return refund.state in ENDED_REFUND_STATES and refund.work.reason == WorkReason.CONTRADICTED


def _exceeds_captured_amount(
    context: ServiceContext, refund_with_payment: RefundWithPayment, listed_refunds: Collection[ListedRefund]
) -> bool:
    """True if the sum of the payment's refunds is larger than the amount that was paid. The sum includes this refund,
    amounts given back outside, and the listed refunds that the payment's sums don't include. The program checks this,
    because some providers don't refuse such a refund.
    """
    with context.database.read() as conn:
        payment = require_payment_after_lapse(conn, refund_with_payment.payment.id)
        uncounted_refunds = _list_uncounted_refunds(context, conn, refund_with_payment, listed_refunds)
    uncounted_minor = sum(refund.amount.minor for refund in uncounted_refunds if refund.amount is not None)
    return payment.given_back_minor + payment.reserved_minor + uncounted_minor > payment.captured_minor


def _list_uncounted_refunds(
    context: ServiceContext,
    conn: Connection,
    refund_with_payment: RefundWithPayment,
    listed_refunds: Collection[ListedRefund],
) -> list[ListedRefund]:
    """Return the listed refunds that the payment's sums `refunded_minor` and `reserved_minor` don't include. These
    are refunds that this database doesn't have, refunds that have ended without effect in this database although the
    provider has made them, and further refunds that the provider has made with the key of one refund. After a person
    has acknowledged such refunds, they no longer prevent another refund; but the payer has received their amounts.
    """
    payment = refund_with_payment.payment
    counted_keys = {find_refund_key(context, conn, refund_with_payment.refund, payment)} | {
        refund.provider_refund_key
        for refund in refunds.find_by_payment(conn, payment.id)
        if refund.state is RefundState.COMPLETED or refund.state not in ENDED_REFUND_STATES
    }
    uncounted_refunds = []
    for listed_refund in listed_refunds:
        if listed_refund.key in counted_keys:
            counted_keys.remove(listed_refund.key)  # the sums include one refund with this key
        else:
            uncounted_refunds.append(listed_refund)
    return uncounted_refunds


def _store_list_and_open_unrecorded_refund_case(
    context: ServiceContext,
    tx: Transaction,
    refund_with_payment: RefundWithPayment,
    outcome: Outcome[tuple[ListedRefund, ...]],
) -> bool:
    """Store the provider's list of the payment's refunds as evidence of the operation that started the payment. If it
    has a refund that the database doesn't have, open a case and return True, unless a person has acknowledged that
    refund.

    The list isn't stored as evidence of the payment or of the refund: on a server, the triggers let a database
    account change the state of a record as soon as the account has stored such evidence.
    """
    payment, operator, now = refund_with_payment.payment, context.make_holder().operator, context.now()
    source = f"{payment.provider}.{REFUND_LIST_CALL_NAME}"
    evidence.add_answer(tx.conn, ("operation", None), payment.operation_id, source, operator, outcome, now)
    own_key = find_refund_key(context, tx.conn, refund_with_payment.refund, payment)
    listed_refunds = outcome.content or () if outcome.kind is OutcomeClass.SUCCEEDED else ()
    unrecorded_keys = [
        key
        for key in dict.fromkeys(listed_refund.key for listed_refund in listed_refunds)
        if key != own_key and not is_refund_of_this_console(tx, payment.id, key)
    ]
    return open_case_of_unrecorded_refunds(context, tx, payment.id, unrecorded_keys)


def _store_answer_and_open_unrecorded_refund_case(
    context: ServiceContext,
    tx: Transaction,
    refund_with_payment: RefundWithPayment,
    outcome: Outcome[PaymentReport],
    asked_at: datetime,
) -> bool:
    """Store the provider's answer about the payment as evidence, write the refunds in the answer into our refunds,
    and store the facts of the answer as the payment's provider side. Open a case and return True if the answer
    contains a refund that the database doesn't have and that no person has acknowledged. Failed refunds, and a refund
    with the key of the present refund, don't count. Otherwise return False. `asked_at` is the time of the question.
    """
    payment, operator, now = refund_with_payment.payment, context.make_holder().operator, context.now()
    subject, source = (payments.PAYMENT_KIND, payment.id), f"{payment.provider}.payment"
    evidence.add_answer(tx.conn, subject, payment.operation_id, source, operator, outcome, now)
    own_key = find_refund_key(context, tx.conn, refund_with_payment.refund, payment)
    unrecorded_keys = [  # Reports about our own refunds are applied here; the other keys remain.
        refund.key
        for refund in _get_refund_reports(outcome) or ()
        if not apply_refund_report(context, tx, payment.id, refund, asked_at)
        and refund.key != own_key
        and refund.state is not RefundState.FAILED
    ]
    report = find_report(outcome)
    if report is not None:
        sourced_report = ReportWithSource(report, asked_at, ReportSource.READ, "payment", outcome)
        store_stated_facts(context, tx, payment, sourced_report)
    return open_case_of_unrecorded_refunds(context, tx, payment.id, unrecorded_keys)


def _find_refund_refusal(
    context: ServiceContext,
    refund_with_payment: RefundWithPayment,
    outcome: Outcome[PaymentReport],
    reported_refunds: Collection[ListedRefund] | None,
) -> tuple[ErrorCode, ExceedsCapturedReason | NotAllowedReason] | None:
    """Return the error code and the reason of the refusal if the provider's answer about the payment doesn't allow
    the refund. This is so if the payment is not in a paid state at the provider, or if less than the refund's amount
    can still be refunded. Return None if the answer allows the refund. `reported_refunds` are the refunds in the
    answer, None if the answer has no readable refunds."""
    report = outcome.content
    if outcome.kind is OutcomeClass.FAILED_DEFINITE or (report is not None and _is_reported_unpaid(outcome, report)):
        return ErrorCode.NOT_ALLOWED, NotAllowedReason.STATE_NOT_REFUNDABLE
    if reported_refunds is not None and _exceeds_captured_amount(context, refund_with_payment, reported_refunds):
        return ErrorCode.EXCEEDS_CAPTURED, ExceedsCapturedReason.MORE_THAN_PROVIDER_REFUNDS
    return None


def _is_reported_unpaid(outcome: Outcome[PaymentReport], report: PaymentReport) -> bool:
    return outcome.kind in (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING) and report.state not in PAID_STATES
