"""Rules for a provider's report about a payment: the resulting state changes, the booked amount, and the case that is
opened for a person.

Reports may arrive late, twice and in any order. The rules use the time at which a report was true, not the time of
its arrival. A report that is older than the stored report has an effect only if it says that the payment was paid.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from console.domain.money import Money, make_stored_money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment
from console.domain.payments.states import (
    ENDED_UNPAID_STATES,
    PAID_STATES,
    WAITING_STATES,
    PaymentState,
    find_payment_state_path,
)
from console.domain.records import Certainty, WorkReason

PROVIDER_CLOCK_TOLERANCE = timedelta(minutes=5)
"""Largest accepted difference between a provider's clock and ours."""
LONGEST_TIME_SINCE_PAID = timedelta(days=10 * 366)
"""A time of payment that is longer ago than this is an error of the provider's answer."""


OTHER_AMOUNT_REASON = "other_amount"
"""Reason for which a payment's outcome is unknown: the provider has reported it as paid, with another amount than the
requested one.
"""

NOT_BOOKABLE_REASON = "not_bookable"
"""Reason for which a payment's outcome is unknown: the provider's answer lacks our payment number or another value
without which its statement can't be booked.
"""

CROSSED_ANSWERS_REASON = "answers_crossed"
"""Reason for which a payment's outcome is unknown: a later report says that the payment has failed, and the answer to
an earlier question says that it was paid. The answer may describe a moment after the failure.
"""

REVERSAL_NOTICE_TYPE = "payment.reversed"
"""Type of a signed notice which says that paid money went back."""


class PaidTimeProblem(StrEnum):
    """The reason for which the time of payment in a provider's report can't be right: it lies in the future
    (IN_FUTURE), before this program began the payment (BEFORE_BEGIN), or longer ago than LONGEST_TIME_SINCE_PAID
    (TOO_LONG_AGO).
    """

    IN_FUTURE = "paid_in_future"
    BEFORE_BEGIN = "paid_before_begin"
    TOO_LONG_AGO = "paid_too_long_ago"


def find_paid_time_problem(
    paid_at: datetime | None, now: datetime, begun_at: datetime | None = None
) -> PaidTimeProblem | None:
    """Return the reason for which the time of payment `paid_at` in a report can't be right; None if it can be right,
    or if the report has no such time. `begun_at` is the time at which this program began the payment, None for a
    payment that another program began.

    A wrong time would lead to a wrong refund window, a wrong number of approvers and wrong queries to a provider that
    searches by day.
    """
    if paid_at is None:
        return None
    if paid_at > now + PROVIDER_CLOCK_TOLERANCE:
        return PaidTimeProblem.IN_FUTURE
    if begun_at is not None and paid_at < begun_at - PROVIDER_CLOCK_TOLERANCE:
        return PaidTimeProblem.BEFORE_BEGIN
    return PaidTimeProblem.TOO_LONG_AGO if paid_at < now - LONGEST_TIME_SINCE_PAID else None


class ReportSource(StrEnum):
    """Source of a report about a payment. The source determines the strength of the report as proof. `READ`: the
    provider's answer to the console's query. `CALLBACK`: a signed notice, which a read must confirm. `NOTICE`: a
    signed notice of a sender that the console can't query. `PEOPLE`: a decision of two people with evidence.
    """

    READ = "read"
    CALLBACK = "callback"
    NOTICE = "notice"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class ReportEffect:
    """Effect of a provider's report on a payment.

    `new_states` has the states that the payment gets one after another; the transition table allows each of these
    changes. `booked_amount` is the amount that is
    booked when the payment becomes payment_success. `unknown_reason` is the reason for which the outcome is unknown.
    `case_rule` is the rule id of a case for a person, and `case_observed` the text of this case. `is_newest_report`:
    the report is newer than the report whose state and amount the payment has stored.
    """

    new_states: tuple[PaymentState, ...] = ()
    booked_amount: Money | None = None
    unknown_reason: str | None = None
    case_rule: str | None = None
    case_observed: str = ""
    is_newest_report: bool = True


def compute_report_effect(
    payment: Payment, report: PaymentReport, at: datetime, report_source: ReportSource
) -> ReportEffect:
    """Return the effect of a provider's report on the payment. `at` is the instant at which the report was true,
    `report_source` its source. A report of the same instant as the stored report counts as newer."""
    is_newer = payment.told_at is None or at >= payment.told_at
    if report.state in PAID_STATES:
        return _compute_success_effect(payment, report, at, report_source, is_newer=is_newer)
    if not is_newer or stays_unknown_because_of_other_amount(payment, report):
        return ReportEffect(is_newest_report=False)
    if may_be_end_of_other_payment(payment, report):
        return _compute_unassigned_end_effect(payment, report)
    if report.state is PaymentState.PAYMENT_FAILED:
        return _compute_failure_effect(payment, report, report_source)
    return (
        _compute_expiry_effect(payment, report)
        if report.state is PaymentState.EXPIRED
        else _compute_waiting_effect(payment, report, report_source)
    )


def does_report_name_payment(payment: Payment, report: PaymentReport) -> bool:
    """True if the provider's answer has our payment number, or the payment id that the provider gave to `payment`.
    Otherwise the answer may belong to another request, so it proves no state of the payment."""
    reported_id = report.provider_payment_id
    has_known_id = reported_id is not None and reported_id == payment.provider_payment_id
    return report.has_payment_number or has_known_id


def may_be_end_of_other_payment(payment: Payment, report: PaymentReport) -> bool:
    """True if the report says that a payment has ended unpaid, and the answer doesn't name `payment`."""
    return report.state in ENDED_UNPAID_STATES and not does_report_name_payment(payment, report)


def is_unknown_because_of_other_amount(payment: Payment) -> bool:
    """True if the payment's outcome is unknown because the provider has reported another amount as paid than the
    requested one, in the payment's currency or in another currency."""
    return payment.certainty is Certainty.UNKNOWN and payment.error_code == OTHER_AMOUNT_REASON


def stays_unknown_because_of_other_amount(payment: Payment, report: PaymentReport) -> bool:
    """True if the payment's outcome is unknown because the provider has reported another amount as paid, and
    `report`, which doesn't report a success, is not about that amount. Then the outcome stays unknown: a failed or
    open attempt to pay the requested amount doesn't give the paid money back. An amount in another currency isn't
    stored, so no report is known to be about it.
    """
    other_amount = find_other_paid_amount(payment)
    return is_unknown_because_of_other_amount(payment) and (other_amount is None or report.amount != other_amount)


def find_other_paid_amount(payment: Payment) -> Money | None:
    """Return the amount that the provider has reported as paid, if the payment's outcome is unknown because this
    amount isn't the requested one; otherwise None. Also None if the reported amount is in another currency, because
    such an amount isn't stored.
    """
    if not is_unknown_because_of_other_amount(payment) or payment.provider_minor in (None, payment.asked_minor):
        return None
    return make_stored_money(payment.provider_minor, payment.currency)


def is_other_amount_missing(effect: ReportEffect, payment: Payment) -> bool:
    """True if the report with this effect says that another amount was paid, and the payment has no such amount
    stored. The amount must then be stored, even if the payment has stored a newer report about an unpaid attempt."""
    return effect.unknown_reason == OTHER_AMOUNT_REASON and find_other_paid_amount(payment) is None


def _compute_success_effect(
    payment: Payment, report: PaymentReport, at: datetime, report_source: ReportSource, *, is_newer: bool
) -> ReportEffect:
    """Return the effect of a report that the payment was paid. `at` is the instant at which the report was true;
    `is_newer` is True if the report is newer than the stored report."""
    if payment.state is PaymentState.REVERSED and _is_report_of_second_payment(payment, report):
        return _make_effect_of_second_payment(report)
    if payment.state is PaymentState.REVERSED:
        return _make_contradiction_effect(report) if is_newer else ReportEffect(is_newest_report=False)
    if payment.state in PAID_STATES:
        return _compute_repeated_success_effect(payment, report, report_source, is_newer=is_newer)
    is_bookable = report.is_bookable or report_source is ReportSource.PEOPLE  # people may not know the provider's id
    is_other_currency = report.amount is not None and report.amount.currency != payment.currency
    # People may resolve another amount, but nobody's yen are booked as another currency.
    if not is_bookable or report.amount is None or (is_other_currency and report_source is ReportSource.PEOPLE):
        # Its facts aren't stored: the page would offer one person a decision for which the action needs two.
        return ReportEffect(unknown_reason=NOT_BOOKABLE_REASON, is_newest_report=False)
    if (
        report.amount != make_stored_money(payment.asked_minor, payment.currency)
        and report_source is not ReportSource.PEOPLE
    ):
        return ReportEffect(
            unknown_reason=OTHER_AMOUNT_REASON,
            case_rule=WorkReason.AMOUNT_DIFFERS,
            case_observed=_format_reported_state_and_amount(report),
            is_newest_report=is_newer,
        )
    path, case_rule, observed = (
        _list_states_after_success(payment.state, report_source),
        *_find_further_capture_case(report),
    )
    # A callback has the time of the provider's clock, and a read that of ours: their sequence reverses no payment.
    # The read that follows each callback does.
    has_newer_failure = not is_newer and payment.state is PaymentState.PAYMENT_FAILED
    has_other_failed_amount = has_newer_failure and payment.provider_minor not in (None, report.amount.minor)
    is_failure_unclear = has_newer_failure and _may_be_failed_attempt(payment.provider_state, report_source)
    if has_other_failed_amount or is_failure_unclear or _may_be_second_payment(payment, report, report_source):
        case_rule, observed = WorkReason.CONTRADICTED, _format_stored_state_and_amount(payment)
    elif has_newer_failure and report_source is ReportSource.READ and at != report.paid_at:
        # Not a row of a history, which is true at its time of payment, but an answer: it describes the payment at the
        # time of the question or later. Only another question shows whether the payer has paid after the failure.
        return ReportEffect(unknown_reason=CROSSED_ANSWERS_REASON, is_newest_report=False)
    elif has_newer_failure and report_source is not ReportSource.CALLBACK:  # so the payment was reversed
        path, case_rule, observed = (
            (*path, *find_payment_state_path(path[-1], PaymentState.REVERSED)),
            WorkReason.REVERSED,
            payment.provider_state or "",
        )
    return ReportEffect(path, report.amount, case_rule=case_rule, case_observed=observed, is_newest_report=is_newer)


def _compute_repeated_success_effect(
    payment: Payment, report: PaymentReport, report_source: ReportSource, *, is_newer: bool
) -> ReportEffect:
    """Return the effect of a report from `report_source` that a payment was paid, if the payment is already paid in
    our database. `is_newer` is True if the report is newer than the stored report."""
    if _is_report_of_second_payment(payment, report):
        return _make_effect_of_second_payment(report)
    if report.amount not in (None, make_stored_money(payment.captured_minor, payment.currency)):
        return _make_contradiction_effect(report, is_newest=is_newer)
    case_rule, observed = _find_further_capture_case(report)
    return ReportEffect(
        _list_states_after_paid(payment.state, report_source),
        case_rule=case_rule,
        case_observed=observed,
        is_newest_report=is_newer,
    )


def _may_be_second_payment(payment: Payment, report: PaymentReport, report_source: ReportSource) -> bool:
    """True if the provider has reported another amount as paid before this report of success, and the two reports may
    be about two payments. Two reads are about one payment: the later read replaces the earlier one. A notice is about
    one payment, so a later report doesn't correct it.
    """
    return (
        is_unknown_because_of_other_amount(payment)
        and find_other_paid_amount(payment) != report.amount
        and report_source is not ReportSource.PEOPLE
        and not are_all_reports_reads(payment, report_source)
    )


def are_all_reports_reads(payment: Payment, report_source: ReportSource) -> bool:
    """True if the provider's answers to queries are the only reports about the payment: the new report has the source
    `report_source` READ, and no notice was applied to the payment before. Then the new report replaces the stored
    one, because both are about the same payment at the provider."""
    return report_source is ReportSource.READ and payment.last_event_id is None


def _is_report_of_second_payment(payment: Payment, report: PaymentReport) -> bool:
    """True if the report has a provider's payment id, and the payment has another one."""
    return None not in (report.provider_payment_id, payment.provider_payment_id) and _is_report_of_another_attempt(
        payment, report
    )


def _make_effect_of_second_payment(report: PaymentReport) -> ReportEffect:
    """Return the effect of a report that a further payment was made for the same order: a case, and no change of our
    state."""
    return ReportEffect(
        case_rule=WorkReason.PAID_TWICE, case_observed=report.provider_payment_id or "", is_newest_report=False
    )


def _find_further_capture_case(report: PaymentReport) -> tuple[str | None, str]:
    """Return the rule id and text of a case if the report has further successful attempts for the same order, each
    of which collected money too; otherwise None and an empty text."""
    return (WorkReason.PAID_TWICE, ", ".join(report.further_captures)) if report.further_captures else (None, "")


def _list_states_after_success(state: PaymentState, report_source: ReportSource) -> tuple[PaymentState, ...]:
    """Return the states through which a report of success from this source moves a payment that is not paid yet."""
    paid_path = find_payment_state_path(state, PaymentState.PAYMENT_SUCCESS)
    return paid_path + _list_states_after_paid(PaymentState.PAYMENT_SUCCESS, report_source)


def _list_states_after_paid(state: PaymentState, report_source: ReportSource) -> tuple[PaymentState, ...]:
    """Return the states after the paid state `state` that a report of this source proves. A callback proves that it
    was received and that its signature is valid. A read or a decision of people proves that the payment is completed.
    """
    if report_source in (ReportSource.READ, ReportSource.PEOPLE):
        return find_payment_state_path(state, PaymentState.COMPLETED)
    if report_source is ReportSource.CALLBACK and state is PaymentState.PAYMENT_SUCCESS:
        return (PaymentState.CALLBACK_RECEIVED, PaymentState.SIGNATURE_VERIFIED)
    if report_source is ReportSource.CALLBACK and state is PaymentState.CALLBACK_RECEIVED:
        return (PaymentState.SIGNATURE_VERIFIED,)
    return ()


def _compute_unassigned_end_effect(payment: Payment, report: PaymentReport) -> ReportEffect:
    """Return the effect of a report of an unpaid end that may be about another payment: a case if our payment is
    paid, an unknown outcome if it waits for the payer, otherwise none. The report's facts aren't those of our
    payment, so two people must decide an unknown outcome."""
    if payment.state in PAID_STATES:
        return _make_contradiction_effect(report, is_newest=False)
    reason = NOT_BOOKABLE_REASON if payment.state in WAITING_STATES else None
    return ReportEffect(unknown_reason=reason, is_newest_report=False)


def _compute_failure_effect(payment: Payment, report: PaymentReport, report_source: ReportSource) -> ReportEffect:
    """Return the effect of a report that the payment has failed."""
    if payment.state in WAITING_STATES:
        return ReportEffect(find_payment_state_path(payment.state, PaymentState.PAYMENT_FAILED))
    if payment.state not in PAID_STATES:
        return ReportEffect()
    if (
        report_source is ReportSource.READ
        and payment.provider_payment_id is None
        and report.provider_payment_id is not None
    ):
        # People decided this payment without a number: the answer may be about this attempt or about another one.
        return _make_contradiction_effect(report)
    if report_source is ReportSource.CALLBACK or _is_report_of_another_attempt(payment, report):
        return ReportEffect(is_newest_report=False)  # a later read shows the state of this payment
    if report.amount not in (None, make_stored_money(payment.captured_minor, payment.currency)):
        return _make_contradiction_effect(report)  # perhaps a part of it: nobody knows what stays at the shop
    if _may_be_failed_attempt(report.provider_state, report_source):
        return _make_contradiction_effect(report)
    path = find_payment_state_path(payment.state, PaymentState.REVERSED)
    return ReportEffect(path, case_rule=WorkReason.REVERSED, case_observed=report.provider_state)


def _may_be_failed_attempt(provider_state: str | None, report_source: ReportSource) -> bool:
    """True if a report of a failure, with the provider's word for the state, may be about a further attempt to pay
    that failed after the payment had been paid. A signed notice is about one attempt and doesn't state its id, so
    only a notice of the type REVERSAL_NOTICE_TYPE proves that paid money went back. A read describes everything that
    the provider has."""
    return report_source is ReportSource.NOTICE and provider_state != REVERSAL_NOTICE_TYPE


def replace_unclear_reversal(
    effect: ReportEffect, report: PaymentReport, report_source: ReportSource
) -> ReportEffect:
    """Return the effect of `report` on a payment, if the provider has reported earlier that a further payment was
    made with the same payment number; `effect` is the effect without regard to the further payment. If `effect`
    reverses the payment, and the report is a notice without a provider's payment id, the further payment may be the
    reversed one: return the effect of a contradiction then. Otherwise return `effect` unchanged; the answer to a
    read, for example, describes everything that was paid under the number."""
    is_reversal = effect.new_states[-1:] == (PaymentState.REVERSED,)
    is_unclear = is_reversal and report_source is ReportSource.NOTICE and report.provider_payment_id is None
    return _make_contradiction_effect(report) if is_unclear else effect


def _is_report_of_another_attempt(payment: Payment, report: PaymentReport) -> bool:
    """True if the report has a provider's payment id, and the payment has another one or none."""
    return report.provider_payment_id not in (None, payment.provider_payment_id)


def _compute_expiry_effect(payment: Payment, report: PaymentReport) -> ReportEffect:
    """Return the effect of a report that the payment's code or token has expired unpaid."""
    if payment.state in WAITING_STATES:
        return ReportEffect((PaymentState.EXPIRED,))
    return _make_contradiction_effect(report) if payment.state in PAID_STATES else ReportEffect()


def _compute_waiting_effect(payment: Payment, report: PaymentReport, report_source: ReportSource) -> ReportEffect:
    """Return the effect of a report that the payment still waits for the payer."""
    if payment.state is PaymentState.COMPLETED and report_source is ReportSource.READ:
        return _make_contradiction_effect(report)
    if payment.state in PAID_STATES or payment.state in ENDED_UNPAID_STATES:
        return ReportEffect(is_newest_report=payment.state in ENDED_UNPAID_STATES)
    return ReportEffect(
        find_payment_state_path(payment.state, PaymentState.USER_PAYMENT) if payment.state in WAITING_STATES else ()
    )


def _make_contradiction_effect(report: PaymentReport, *, is_newest: bool = True) -> ReportEffect:
    """Return the effect of a report that contradicts the payment's state: a case for a person, and no change of our
    state. `is_newest` is True if the report is newer than the stored one; the caller then stores the report's state
    and amount as the provider's last report."""
    return ReportEffect(
        case_rule=WorkReason.CONTRADICTED,
        case_observed=_format_reported_state_and_amount(report),
        is_newest_report=is_newest,
    )


def _format_stored_state_and_amount(payment: Payment) -> str:
    amount = "" if payment.provider_minor is None else f"{payment.provider_minor} {payment.currency}"
    return f"{payment.provider_state or ''} {amount}".strip()


def _format_reported_state_and_amount(report: PaymentReport) -> str:
    amount = f" {report.amount.minor} {report.amount.currency}" if report.amount else ""
    return f"{report.provider_state}{amount}"


def ends_unknown_outcome(effect: ReportEffect, payment: Payment) -> bool:
    """True if the payment's outcome is unknown and the report makes it known. For this, `effect.unknown_reason` must
    be None, and the report must be newer than the stored report or change the payment's state."""
    is_usable = effect.unknown_reason is None and (effect.is_newest_report or bool(effect.new_states))
    return is_usable and payment.certainty is Certainty.UNKNOWN
