"""Compare a row of a provider's history with the stored payment. The functions use no other data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from console.domain.calendar_days import format_instant
from console.domain.money import make_stored_money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.report_rules import ReportSource, compute_report_effect
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES, WAITING_STATES, PaymentState, RefundState
from console.domain.reconciliation.provider_rows import HistoryRow
from console.domain.records import RECONCILIATION_CASE_RULES, Certainty, WorkReason, WorkState
from console.domain.tasks.records import ReconciliationVerdict

DIFFERENT_STATE_RULE = WorkReason.RECONCILE_STATE
DIFFERENT_AMOUNT_RULE = WorkReason.RECONCILE_AMOUNT
MISSING_THERE_RULE = WorkReason.RECONCILE_MISSING_THERE
UNRECORDED_REFUND_RULE = WorkReason.RECONCILE_UNRECORDED_REFUND
DIFFERENCE_CASE_RULES = (*RECONCILIATION_CASE_RULES, WorkReason.PAID_TWICE)
"""Rule ids of the cases that are shown with the differences of a run: those of a reconciliation, and the case about a
second payment with the same number, which no later run closes.
"""
CASE_RULE_BY_VERDICT = {
    ReconciliationVerdict.DIFFERENT_STATE: DIFFERENT_STATE_RULE,
    ReconciliationVerdict.DIFFERENT_AMOUNT: DIFFERENT_AMOUNT_RULE,
    ReconciliationVerdict.MISSING_THERE: MISSING_THERE_RULE,
}
"""Rule of the case that is opened about a difference, by the verdict of the comparison."""
CLOCK_TOLERANCE = timedelta(minutes=5)
"""Largest accepted difference between the clocks of the provider and of this program. If two times of one event
differ by no more than this, the records agree.
"""

_REFUND_PREFIX = "refund "
_FACT_SEPARATOR = "; "
_INSTANT_TEXT_LENGTH = len("2026-11-20T03:20:01Z")
_SENT_REFUND_STATES = frozenset({RefundState.SUBMITTING, RefundState.SUBMITTED, RefundState.COMPLETED})


class RowAction(StrEnum):
    """Action of a reconciliation after the comparison of one row. `NOTHING`: do nothing. `APPLY`: apply the row to
    the payment like the answer to a probe. `IMPORT`: import the payment. `CASE`: open a case for a person.
    """

    NOTHING = "nothing"
    APPLY = "apply"
    IMPORT = "import"
    CASE = "case"


@dataclass(frozen=True, slots=True)
class RowComparisonResult:
    """Result of the comparison of one row of a provider's history: the verdict, and the action of the reconciliation
    (`row_action`).
    """

    verdict: ReconciliationVerdict
    row_action: RowAction = RowAction.NOTHING


MATCHED_RESULT = RowComparisonResult(ReconciliationVerdict.MATCHED)
"""Result of the comparison of a row that agrees with our payment."""
_DIFFERENT_STATE_RESULT = RowComparisonResult(ReconciliationVerdict.DIFFERENT_STATE, RowAction.CASE)


def compare_row(payment: Payment | None, row: HistoryRow) -> RowComparisonResult:
    """Compare a row about a payment in a provider's history with the stored payment that has the row's id; `payment`
    is None if no such payment is stored. Return the verdict of the comparison, and the action of the reconciliation
    (`RowAction`).
    """
    if payment is None:
        return (
            RowComparisonResult(ReconciliationVerdict.IMPORTED, RowAction.IMPORT)
            if row.state in PAID_STATES
            else MATCHED_RESULT
        )
    if row.merchant_payment_id not in (None, payment.merchant_payment_id):
        return _DIFFERENT_STATE_RESULT  # the provider's id is that of this payment, our number that of another one
    return _compare_paid_row(payment, row) if row.state in PAID_STATES else _compare_unpaid_row(payment, row)


def _compare_paid_row(payment: Payment, row: HistoryRow) -> RowComparisonResult:
    """Compare the stored payment with a row of a provider's history which states that the payment is paid, and
    return the result of the comparison."""
    was_paid = payment.state in PAID_STATES or payment.state is PaymentState.REVERSED
    # People may have decided that it is completed without the provider's id; a row brings it.
    adds_id_at_provider = payment.provider_payment_id is None and row.provider_payment_id is not None
    if find_id_of_second_payment(payment, row) is not None:
        return _DIFFERENT_STATE_RESULT
    if row.amount != make_stored_money(payment.captured_minor if was_paid else payment.asked_minor, payment.currency):
        return RowComparisonResult(
            ReconciliationVerdict.DIFFERENT_AMOUNT, RowAction.CASE if was_paid else RowAction.APPLY
        )
    if payment.state is PaymentState.REVERSED:
        return MATCHED_RESULT if _has_newer_report(payment, row.at) else _DIFFERENT_STATE_RESULT
    if not was_paid:
        return RowComparisonResult(ReconciliationVerdict.DIFFERENT_STATE, RowAction.APPLY)
    is_settled = payment.state is PaymentState.COMPLETED and payment.certainty is Certainty.KNOWN
    return (
        MATCHED_RESULT
        if is_settled and not adds_id_at_provider
        else RowComparisonResult(ReconciliationVerdict.MATCHED, RowAction.APPLY)
    )


def find_id_of_second_payment(payment: Payment, row: HistoryRow) -> str | None:
    """Return the provider's payment id in a row of its history, if the row and the stored payment are two payments
    with the same number: both were paid, under different ids. Otherwise return None."""
    is_second_payment = (
        row.merchant_payment_id in (None, payment.merchant_payment_id)
        and row.state in PAID_STATES
        and (payment.state in PAID_STATES or payment.state is PaymentState.REVERSED)
        and payment.provider_payment_id is not None
        and row.provider_payment_id not in (None, payment.provider_payment_id)
    )
    return row.provider_payment_id if is_second_payment else None


def _compare_unpaid_row(payment: Payment, row: HistoryRow) -> RowComparisonResult:
    """Compare the stored payment with a row of a provider's history which states that the payment is unpaid, and
    return the result of the comparison. A row states only the facts at its own time. So it contradicts neither a
    payment that was paid later, nor a newer report of the provider about a payment that is still waiting.
    """
    if payment.state in ENDED_UNPAID_STATES or payment.state is PaymentState.REVERSED:
        return MATCHED_RESULT
    if payment.state in PAID_STATES:
        return MATCHED_RESULT if payment.paid_at is not None and payment.paid_at > row.at else _DIFFERENT_STATE_RESULT
    if row.state in WAITING_STATES or _has_newer_report(payment, row.at):
        return MATCHED_RESULT
    return RowComparisonResult(ReconciliationVerdict.DIFFERENT_STATE, RowAction.APPLY)


def _has_newer_report(payment: Payment, at: datetime) -> bool:
    """True if the payment has stored a report of the provider about an instant later than `at`."""
    return payment.told_at is not None and payment.told_at > at


def will_report_change_payment(
    payment: Payment, report: PaymentReport, at: datetime, report_source: ReportSource
) -> bool:
    """True if the report, applied to the payment, would change the payment's state, booked amount, certainty or error
    code, or would give a paid payment the provider's id that it lacks. The report came from `report_source` and was
    true at the instant `at`.
    """
    effect = compute_report_effect(payment, report, at, report_source)
    lacks_id_at_provider = payment.provider_payment_id is None and payment.state in PAID_STATES
    if lacks_id_at_provider and report.provider_payment_id is not None and report_source is ReportSource.READ:
        return True
    if effect.unknown_reason is not None:
        return payment.error_code != effect.unknown_reason or payment.certainty is not Certainty.UNKNOWN
    makes_outcome_known = payment.certainty is Certainty.UNKNOWN and (
        effect.is_newest_report or bool(effect.new_states)
    )
    return bool(effect.new_states) or effect.booked_amount is not None or makes_outcome_known


def match_refunds(refunds: Sequence[Refund], row_times: Sequence[datetime]) -> Mapping[datetime, Refund]:
    """Match rows about refunds with stored refunds. Return the matching refund by the time of the row; a row without
    a match is missing in the result.

    `row_times` are the times of rows about one payment and one amount, each time once, because a row has no id of a
    refund. `refunds` are the stored refunds of the same payment and amount. A refund fits a row if it was sent before
    the row's time and the program did not know it as completed before that time. Each refund is used once, the oldest
    first.
    """
    unmatched_refunds, matches = sorted(refunds, key=lambda match: match.id), dict[datetime, Refund]()
    for row_time in sorted(row_times):
        match = next((refund for refund in unmatched_refunds if _could_row_be_about_refund(refund, row_time)), None)
        if match is not None:
            matches[row_time] = match
            unmatched_refunds.remove(match)
    return matches


def _could_row_be_about_refund(refund: Refund, at: datetime) -> bool:
    """True if a row of the provider's history with the time `at` could be about this refund. For this, the refund
    must have been sent before `at`, and the program must not have known it as completed before `at`. The clocks of
    the provider and of this program may differ by CLOCK_TOLERANCE."""
    sent_at, completed_at = refund.first_sent_at, find_completion_time(refund)
    if refund.state not in _SENT_REFUND_STATES or sent_at is None:
        return False
    was_completed_before = completed_at is not None and completed_at + CLOCK_TOLERANCE < at
    return sent_at - CLOCK_TOLERANCE <= at and not was_completed_before


def find_completion_time(refund: Refund) -> datetime | None:
    """Return the time at which the program learned that the provider had completed the refund; None if the refund
    isn't completed, or if the provider has not reported on it. It is the earlier of the times `told_at` and
    `state_since` of the refund: each later report renews `told_at`, and another write can renew `state_since`.
    """
    if refund.state is not RefundState.COMPLETED or refund.told_at is None:
        return None
    return refund.told_at if refund.state_since is None else min(refund.told_at, refund.state_since)


def find_contradicting_rule(payment: Payment) -> WorkReason | None:
    """If a person must look at the payment because the provider's history contradicts it, return the rule of the case
    about this contradiction; otherwise None. A rule is returned even if the provider's last answer agrees with the
    payment.
    """
    if payment.work.state is not WorkState.NEEDS_REVIEW:
        return None
    return next((rule for rule in RECONCILIATION_CASE_RULES if rule == payment.work.reason), None)


def format_missing_refund(refund: Refund) -> str:
    """Return the text `observed` of a case about a refund that is completed in this database and missing at the
    provider.
    """
    return f"{_REFUND_PREFIX}{refund.id} of {refund.amount_minor} {refund.currency}"


def format_refund_state(refund: Refund | None) -> str | None:
    """Return state and amount of the stored refund as a short text for a difference; None if there is no refund."""
    return (
        f"{_REFUND_PREFIX}{refund.id} {refund.state.value} {refund.amount_minor} {refund.currency}"
        if refund
        else None
    )


def is_case_about_refund(observed: str, expected: str) -> bool:
    """True if a case with these texts about a payment is about one of its refunds. A row that agrees with the payment
    itself doesn't end such a case."""
    return is_refund_missing(observed) or expected.startswith(_REFUND_PREFIX)


def is_refund_missing(observed: str) -> bool:
    """True if the text `observed` of a case with the rule MISSING_THERE_RULE is about a refund of the payment; False
    if the provider lacks the payment itself."""
    return observed.startswith(_REFUND_PREFIX)


def format_our_state(payment: Payment | None) -> str | None:
    """Return state and amount of the stored payment as a short text for a difference; None if there is no payment."""
    if payment is None:
        return None
    return f"{payment.state.value} {payment.captured_minor or payment.asked_minor} {payment.currency}"


def format_provider_state(row: HistoryRow) -> str:
    """Return state and amount of a row of the provider's history as a short text for a difference."""
    return f"{row.provider_state} {row.amount.minor} {row.amount.currency}"


def format_state_and_time(row: HistoryRow) -> str:
    """Return state, amount and time of a row of the provider's history as the text `observed` of a case."""
    return f"{format_provider_state(row)} {format_instant(row.at)}"


def is_case_about_later_row(observed: str, at: datetime) -> bool:
    """True if the text `observed` of a case, made by `format_state_and_time`, is about a row whose time is later than
    `at`; False for a text without a time."""
    try:
        return datetime.fromisoformat(observed[-_INSTANT_TEXT_LENGTH:]) > at
    except (ValueError, TypeError):  # TypeError: a time without a zone isn't one of `format_state_and_time`
        return False


def split_case_facts(observed: str, expected: str) -> list[tuple[str, str]]:
    """Return the facts of a case with these texts, each as a pair of its observed and its expected text."""
    observed_texts, expected_texts = observed.split(_FACT_SEPARATOR), expected.split(_FACT_SEPARATOR)
    if len(observed_texts) != len(expected_texts):
        expected_texts = [expected] * len(observed_texts)
    return list(zip(observed_texts, expected_texts, strict=True))


def join_case_facts(facts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the observed and the expected text of a case with these facts, which `split_case_facts` splits again. An
    expected text that all facts have in common is stored once."""
    observed_texts, expected_texts = zip(*facts, strict=True)
    common_texts = expected_texts[:1] if len(set(expected_texts)) == 1 else expected_texts
    return _FACT_SEPARATOR.join(observed_texts), _FACT_SEPARATOR.join(common_texts)
