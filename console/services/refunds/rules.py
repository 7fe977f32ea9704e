"""The rules for the request, the approval and the submission of a refund. Plans and screens show the check of each
rule; the first broken rule refuses the refund."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.domain.access.permissions import MAKER_ROLES, normalize_person_name
from console.domain.calendar_days import JST, get_start_of_japanese_day
from console.domain.error_reasons import (
    ExceedsCapturedReason,
    InProgressReason,
    NotAllowedReason,
    OverLimitReason,
    RefundRule,
    RefundWindowReason,
)
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.errors.details import NotAllowedDetail
from console.domain.payments import limits as limit_rules
from console.domain.payments.limits import SecondCheckerFacts
from console.domain.payments.records import Limits, Order, Payment, Refund
from console.domain.payments.service_results import RuleCheck
from console.domain.payments.states import ENDED_WITHOUT_MONEY_STATES, OPEN_REFUND_STATES, PAID_STATES, RefundState
from console.domain.records import Certainty, WorkReason
from console.domain.recovery.decision_rules import WORK_REASONS_OF_CONTRADICTION
from console.providers.payments.provider import PaymentCapabilities, PaymentReader, RefundLister
from console.services.guarded.desk_answers import is_claim_ended_elsewhere
from console.services.payments.listed_facts import find_acknowledged_fact_keys
from console.services.payments.providers import find_payment_state_of_provider_word
from console.services.process.context import WORKER, ServiceContext
from console.services.refunds.idempotency_key import is_refund_of_payment
from console.services.refunds.records import RefundWithPayment
from console.store.access import operators as people
from console.store.alerts import alerts
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, lost_operations
from console.store.payments import currency_limits as limits
from console.store.payments import orders
from console.store.refunds import refunds
from console.store.spool.spool import Intent

REFUND_KIND = refunds.REFUND_KIND
ACCEPTED_REFUND_STATES = frozenset({RefundState.SUBMITTED, RefundState.COMPLETED})
_ERROR_CODE_OF_RULE_TYPE: Mapping[type[RefundRule], ErrorCode] = {
    ExceedsCapturedReason: ErrorCode.EXCEEDS_CAPTURED,
    InProgressReason: ErrorCode.IN_PROGRESS,
    OverLimitReason: ErrorCode.OVER_LIMIT,
    NotAllowedReason: ErrorCode.NOT_ALLOWED,
    RefundWindowReason: ErrorCode.OUTSIDE_WINDOW,
}
"""The error code for each type of rule. The broken rule itself is the error's detail.reason."""


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """All facts that the rules of a refund need, read in one transaction.

    `order` is the payment's order, None if the payment has none or if the order's row can't be read. `refunds` are
    all refunds of the payment, newest first. `limits` are the limits of its currency. `maker` is the name of the
    person who requests the refund. `requested_today_minor` is the sum that the maker has requested since midnight in
    Japan, in minor units. `is_maker_active`: the maker is enabled and may still request refunds.
    `contradicted_refund` is an ended refund of the payment whose state the provider contradicts, None if there is
    none. `is_contradiction_acknowledged`: a person has acknowledged each such contradiction. `now` is the time by the
    clock of the database.
    """

    payment: Payment
    order: Order | None
    refunds: tuple[Refund, ...]
    limits: Limits
    maker: str
    requested_today_minor: int
    is_maker_active: bool
    contradicted_refund: Refund | None
    is_contradiction_acknowledged: bool
    now: datetime

    @property
    def open_refund(self) -> Refund | None:
        """The refund of the payment that is requested, approved or being sent; None if there is none. While it is
        open, no other refund of the payment can be requested."""
        return next((refund for refund in self.refunds if refund.state in OPEN_REFUND_STATES), None)

    @property
    def accepted_refund_count(self) -> int:
        """The number of the payment's refunds that the provider has accepted (submitted) or completed."""
        return sum(refund.state in ACCEPTED_REFUND_STATES for refund in self.refunds)


def read_facts(context: ServiceContext, conn: Connection, payment: Payment, maker: str) -> RefundFacts:
    """Return the facts that the rules need for a refund of this payment. `maker` is the name of the person who
    requests the refund.
    """
    return read_facts_of_refunds(context, conn, [(payment, maker)])[0]


def read_facts_of_refunds(
    context: ServiceContext, conn: Connection, requests: Sequence[tuple[Payment, str]]
) -> tuple[RefundFacts, ...]:
    """Return the facts that the rules need for refunds; each pair in `requests` is a payment and the name of the
    person who requests its refund (the maker). The result is in the sequence of `requests`. The number of SQL
    statements does not depend on the number of payments.

    The instant `now` of the facts is the time by the clock of the database, which has also set the request times of
    the refunds. The clock of a desk may be wrong; with its time, the sum of the maker's day and the ages of the other
    refunds could be wrong, too.
    """
    now = read_current_time(conn, context.now())
    midnight = get_start_of_japanese_day(now.astimezone(JST).date())
    requested_payments, makers = [payment for payment, _ in requests], {maker for _, maker in requests}
    refunds_by_payment_id: dict[int, tuple[Refund, ...]] = {}
    for refund in refunds.find_by_payments(
        conn, {payment.id for payment in requested_payments}, journal.list_lapsed_record_ids(conn, REFUND_KIND)
    ):
        refunds_by_payment_id[refund.payment_id] = (*refunds_by_payment_id.get(refund.payment_id, ()), refund)
    order_ids = {payment.order_id for payment in requested_payments if payment.order_id is not None}
    order_by_id = {order.id: order for order in orders.find_by_ids(conn, order_ids, skips_unreadable=True)}
    limits_by_currency = limits.read_limits_by_currency(conn, {payment.currency for payment in requested_payments})
    sum_by_maker_and_currency = refunds.read_sums_of_makers_since(conn, makers, midnight)
    active_makers = find_active_makers(context, conn, makers)
    contradictions = {
        payment.id: find_contradicted_refund_and_acknowledgement(conn, refunds_by_payment_id.get(payment.id, ()))
        for payment in requested_payments
    }
    return tuple(
        RefundFacts(
            payment=payment,
            order=order_by_id.get(payment.order_id) if payment.order_id is not None else None,
            refunds=refunds_by_payment_id.get(payment.id, ()),
            limits=limits_by_currency[payment.currency],
            maker=maker,
            requested_today_minor=sum_by_maker_and_currency.get((maker, payment.currency), 0),
            is_maker_active=maker in active_makers,
            contradicted_refund=contradictions[payment.id][0],
            is_contradiction_acknowledged=contradictions[payment.id][1],
            now=now,
        )
        for payment, maker in requests
    )


def find_contradicted_refund_and_acknowledgement(
    conn: Connection, payment_refunds: Sequence[Refund]
) -> tuple[Refund | None, bool]:
    """Return an ended refund in `payment_refunds` (the refunds of one payment) whose state the provider contradicts,
    and True if a person has acknowledged the contradiction. Return None and False if the provider contradicts no
    refund. If it contradicts several, return one that no person has acknowledged, if there is one.

    An answer about another amount or payment (`ANSWER_DOES_NOT_FIT`) never counts as acknowledged in this function,
    because the amount that the payer has received is not known.
    """
    contradicted_refunds = [
        refund
        for refund in payment_refunds
        if refund.work.reason in WORK_REASONS_OF_CONTRADICTION and refund.state not in OPEN_REFUND_STATES
    ]
    if not contradicted_refunds:
        return None, False
    cases = alerts.read_open_alerts_of_subjects(conn, REFUND_KIND, {refund.id for refund in contradicted_refunds})
    for refund in contradicted_refunds:
        contradictions = [case for case in cases.get(refund.id, ()) if case.rule_id in WORK_REASONS_OF_CONTRADICTION]
        if not contradictions or not all(
            case.rule_id == WorkReason.CONTRADICTED and case.acknowledged_by is not None for case in contradictions
        ):
            return refund, False
    return contradicted_refunds[0], True


def find_active_makers(context: ServiceContext, conn: Connection, names: Collection[str]) -> frozenset[str]:
    """Return those of `names` that belong to people who aren't disabled and may still request refunds. A refund needs
    two different people with the necessary rights, so a maker who has lost the role no longer counts as the first
    person. In a SQLite database, the worker is always active.
    """
    worker_names = frozenset(() if context.database.is_server else {WORKER}) & set(names)
    names_to_find = set(names) - worker_names
    return worker_names | people.find_names_with_role(
        conn, names_to_find, MAKER_ROLES, includes_unlisted_names=context.allows_names_without_operator_row
    )


def check_refund_rules(
    facts: RefundFacts,
    amount_minor: int,
    reader: PaymentReader,
    *,
    is_before_request: bool,
    set_aside_minor: int | None = None,
) -> tuple[RuleCheck, ...]:
    """Return the checks of the rules for a refund of `amount_minor` (minor units). The first broken rule refuses the
    refund. `reader` is the adapter of the payment's provider. It states the provider's own rules: the possibility of
    partial refunds, the largest number of refunds, and the time limit.

    `is_before_request` is True for a refund that is not requested yet. Five more rules are then checked. The
    provider's last stored statement must not say that the payment has ended without money. The amount must be within
    the refundable amount (or within `set_aside_minor`, the amount of its set-aside in minor units). The amount must
    be within the maker's limit per day. No other refund of the payment may be open. The provider must allow one more
    refund. For a requested refund these rules are not checked, because its amount is already reserved and counted.
    `set_aside_minor` is None if the money to refund is not set aside.
    """
    payment, refund_limits, capabilities = facts.payment, facts.limits, reader.capabilities
    until = reader.find_refund_deadline(payment.paid_at) if payment.paid_at else None
    requestable_minor = payment.requestable_minor if set_aside_minor is None else set_aside_minor
    request_checks = (
        _check_request_rules(facts, amount_minor, requestable_minor, capabilities) if is_before_request else []
    )
    return (
        _check_confirmed_as_paid(payment),
        *_check_other_refunds(facts, reader, is_before_request=is_before_request),
        *request_checks,
        RuleCheck(
            RefundWindowReason.NO_PARTIAL_REFUND,
            capabilities.allows_partial_refunds or amount_minor == payment.captured_minor,
            {"minor": amount_minor},
        ),
        RuleCheck(RefundWindowReason.REFUND_PERIOD_OVER, until is None or facts.now <= until, {"until": until}),
        RuleCheck(
            OverLimitReason.LIMIT_PER_REFUND,
            amount_minor <= refund_limits.per_refund,
            {"limit": refund_limits.per_refund},
        ),
        RuleCheck(NotAllowedReason.MAKER_NOT_ACTIVE, facts.is_maker_active, {"maker": facts.maker}),
    )


def _check_confirmed_as_paid(payment: Payment) -> RuleCheck:
    """Return the check of the rule that the provider must have confirmed the payment as paid. If only people have
    decided that the payment is completed, the provider's payment id is missing and the rule is broken, until a read
    at the provider gives the id.
    """
    is_confirmed = payment.state in PAID_STATES and payment.certainty is Certainty.KNOWN
    return RuleCheck(
        ExceedsCapturedReason.NOT_CONFIRMED_AS_PAID,
        is_confirmed and payment.provider_payment_id is not None,
        {"state": payment.state},
    )


def _lists_refunds(reader: PaymentReader) -> bool:
    return isinstance(reader, RefundLister) or reader.capabilities.lists_refunds_with_payment


def _check_other_refunds(facts: RefundFacts, reader: PaymentReader, *, is_before_request: bool) -> list[RuleCheck]:
    """Return the checks of the rules about the payment's other refunds. The provider must not contradict the state of
    any other refund. For a refund that is not requested yet (`is_before_request`), no other refund may be open.

    A contradiction that a person has acknowledged breaks no rule if the provider lists the payment's refunds: before
    the sending, the amounts in its list count (`payment_precheck`).
    """
    other_refunds = {InProgressReason.OTHER_REFUND_OPEN: facts.open_refund} if is_before_request else {}
    is_counted = facts.is_contradiction_acknowledged and _lists_refunds(reader)
    contradicted_refund = None if is_counted else facts.contradicted_refund
    other_refunds |= {InProgressReason.OTHER_REFUND_CONTRADICTED: contradicted_refund}
    return [
        RuleCheck(reason, refund is None, {"refund": refund.id if refund else None})
        for reason, refund in other_refunds.items()
    ]


def _check_request_rules(
    facts: RefundFacts, amount_minor: int, requestable_minor: int, capabilities: PaymentCapabilities
) -> list[RuleCheck]:
    """Return the checks of the rules that apply only to the request of a refund. These rules count amounts and
    refunds that already exist. `amount_minor` is the amount of the refund, and `requestable_minor` the amount that
    can still be requested, each in minor units.
    """
    return [
        *_check_state_at_provider(facts.payment),
        RuleCheck(
            ExceedsCapturedReason.MORE_THAN_REFUNDABLE,
            0 < amount_minor <= requestable_minor,
            {"left": requestable_minor, "minor": amount_minor},
        ),
        RuleCheck(
            RefundWindowReason.NO_SECOND_REFUND,
            capabilities.allows_repeated_refunds or not facts.accepted_refund_count,
            {"earlier": facts.accepted_refund_count},
        ),
        RuleCheck(
            RefundWindowReason.REFUND_COUNT_REACHED,
            capabilities.max_refund_count is None or facts.accepted_refund_count < capabilities.max_refund_count,
            {"most": capabilities.max_refund_count},
        ),
        RuleCheck(
            OverLimitReason.LIMIT_PER_PERSON_AND_DAY,
            facts.requested_today_minor + amount_minor <= facts.limits.per_person_day,
            {"limit": facts.limits.per_person_day, "today": facts.requested_today_minor},
        ),
    ]


def _check_state_at_provider(payment: Payment) -> list[RuleCheck]:
    """Return the check of this rule: the provider's last stored statement doesn't say that the payment, which is
    confirmed as paid here, has ended without money. Return no check if the provider has stated no known state.

    Before the approval and before the sending, the provider's new answer counts instead (`payment_precheck`). Without
    this rule, a person could request a refund that this later check refuses.
    """
    state = find_payment_state_of_provider_word(payment.provider, payment.provider_state)
    if state is None:
        return []
    facts = {"provider_state": payment.provider_state}
    return [RuleCheck(NotAllowedReason.STATE_NOT_REFUNDABLE, state not in ENDED_WITHOUT_MONEY_STATES, facts)]


def raise_first_broken_rule(checks: tuple[RuleCheck, ...], refund_facts: RefundFacts, record: object) -> None:
    """Raise the error of the first broken rule in `checks`; do nothing if no rule is broken. The type of the rule
    decides the error code: exceeds_captured (amounts), in_progress (other refunds), over_limit (limits),
    outside_window (the provider's limits of time, number and size) or not_allowed (the maker). The error's detail
    contains `record`; if another refund breaks the rule, the detail contains that refund instead."""
    broken_check = next((check for check in checks if not check.holds), None)
    if broken_check is None:
        return
    refund_of_rule: Mapping[RefundRule, Refund | None] = {
        InProgressReason.OTHER_REFUND_OPEN: refund_facts.open_refund,
        InProgressReason.OTHER_REFUND_CONTRADICTED: refund_facts.contradicted_refund,
    }
    blocking_refund = refund_of_rule.get(broken_check.rule)
    facts = {
        "record": blocking_refund or record,
        "reason": broken_check.rule,
        "currency": refund_facts.payment.currency,
    }
    raise rebuild_error(_ERROR_CODE_OF_RULE_TYPE[type(broken_check.rule)], {**broken_check.facts, **facts})


def refuse_unsendable_refund(
    context: ServiceContext, conn: Connection, refund_with_payment: RefundWithPayment, reader: PaymentReader
) -> None:
    """Raise an error if the approved refund must not be sent now. If the refund breaks a rule, raises the error of
    `raise_first_broken_rule`. Raises not_allowed if the refund has too few checkers, or if its cooling-off period has
    not ended. A checker who was disabled after the approval is not counted, because somebody else may have approved
    the refund in that person's name. `reader` is the adapter of the payment's provider, which states the provider's
    own rules."""
    refund = refund_with_payment.refund
    facts = read_facts(context, conn, refund_with_payment.payment, refund.maker)
    raise_first_broken_rule(
        check_refund_rules(facts, refund.amount_minor, reader, is_before_request=False), facts, refund
    )
    until = find_later_cooling_off_end(context, facts.payment, refund, facts.limits)
    other_checkers = set(map(normalize_person_name, refund.checkers)) - {normalize_person_name(refund.maker)}
    disabled_checkers = set(map(normalize_person_name, people.find_disabled_names(conn, refund.checkers)))
    if disabled_checkers and count_needed_checkers(facts, refund) > len(other_checkers - disabled_checkers):
        raise ConsoleError(ErrorCode.NOT_ALLOWED, {"record": refund, "reason": NotAllowedReason.APPROVER_DISABLED})
    if len(other_checkers) < count_needed_checkers(facts, refund):
        raise ConsoleError(ErrorCode.NOT_ALLOWED, {"record": refund, "reason": NotAllowedReason.TOO_FEW_APPROVALS})
    if until is not None and until > facts.now:
        raise ConsoleError(
            ErrorCode.NOT_ALLOWED, {"record": refund, "reason": NotAllowedReason.COOLING_OFF_NOT_OVER, "until": until}
        )


def find_second_checker_reasons(
    facts: RefundFacts, amount_minor: int, payer_refund_count: int, now: datetime
) -> tuple[str, ...]:
    """Return the names of the limits and conditions because of which a refund of `amount_minor` (minor units) needs a
    second approver. Return an empty tuple if one approver is enough. This function is for the plan and the request of
    a refund; a requested refund has a stored number of approvals (`count_needed_checkers`). `payer_refund_count` is
    the number of the payer's refunds within PAYER_HISTORY_PERIOD; `now` is the time by the database's clock."""
    payment, refund_limits = facts.payment, facts.limits
    checker_facts = SecondCheckerFacts(
        provider=payment.provider,
        amount_minor=amount_minor,
        requested_today_minor=facts.requested_today_minor,
        time_since_paid=None if payment.paid_at is None else now - payment.paid_at,
        payer_refund_count=payer_refund_count,
    )
    return limit_rules.find_second_checker_reasons(
        checker_facts, refund_limits.second_checker_above, refund_limits.conditions
    )


def count_needed_checkers(facts: RefundFacts, refund: Refund) -> int:
    """Return the number of approvals that the refund needs now. This is the number that was stored at its request, or
    two if an amount limit for one approver was lowered since then and the refund's amount exceeds it now. The
    conditions about the maker's day, the payment's age and the payer's other refunds are not evaluated again: their
    result at the request counts."""
    provider_condition = f"{limit_rules.PROVIDER_CONDITION_PREFIX}{facts.payment.provider}"
    present_limits = facts.limits.second_checker_above, facts.limits.conditions.get(provider_condition)
    is_limit_exceeded = any(limit is not None and refund.amount_minor > limit for limit in present_limits)
    return max(refund.checkers_needed, 2 if is_limit_exceeded else 1)


def find_cooling_off_end(
    context: ServiceContext, payment: Payment, amount_minor: int, refund_limits: Limits, requested_at: datetime
) -> datetime | None:
    """Return the end of the cooling-off period (waiting time before the submission) of a refund that was requested
    at `requested_at`; None if the refund needs none. `amount_minor` is in minor units; `refund_limits` are the limits
    of the payment's currency.
    """
    seconds = context.settings.refund_cooling_off_seconds
    if seconds is None or not context.settings.is_on_loopback(payment.provider):
        if amount_minor <= refund_limits.cooling_off_above:
            return None
        seconds = refund_limits.cooling_off_seconds
    elif seconds == 0 and amount_minor <= refund_limits.cooling_off_above:
        return None
    return requested_at + context.scale.scale_duration(timedelta(seconds=seconds))


def find_remaining_cooling_off_end(
    context: ServiceContext, conn: Connection, refund_with_payment: RefundWithPayment
) -> datetime | None:
    """Return the end of the refund's cooling-off period if it is in the future by the database server's clock,
    otherwise None."""
    payment, refund = refund_with_payment.payment, refund_with_payment.refund
    until = find_later_cooling_off_end(context, payment, refund, limits.read_limits(conn, payment.currency))
    return until if until is not None and until > read_current_time(conn, context.now()) else None


def find_later_cooling_off_end(
    context: ServiceContext, payment: Payment, refund: Refund, refund_limits: Limits
) -> datetime | None:
    """Return the later of two ends of the refund's cooling-off period: the end computed from the limits and the
    request time, and the end stored in the refund's row. The stored end alone would not be safe, because the maker's
    desk has written it. Return None if the refund has neither of these ends. `refund_limits` are the limits of the
    payment's currency.
    """
    requested_at = refund.created_at
    computed_end = (
        find_cooling_off_end(context, payment, refund.amount_minor, refund_limits, requested_at)
        if requested_at
        else None
    )
    return max((end for end in (computed_end, refund.sends_after) if end is not None), default=None)


def require_two_person_database(context: ServiceContext, payment: Payment) -> None:
    """Raise not_allowed if the database is SQLite, which can't enforce that two different people decide about a
    refund. SQLite is allowed if the payment's provider is a simulated one on this machine (loopback address)."""
    if not context.database.is_server and not context.settings.is_on_loopback(payment.provider):
        facts: NotAllowedDetail = {
            "record": payment,
            "reason": NotAllowedReason.SQLITE_REFUND,
            "provider": payment.provider,
        }
        raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)


def find_lost_refunds(
    context: ServiceContext, conn: Connection, payment: Payment, reader: PaymentReader
) -> tuple[Intent, ...]:
    """Return the refunds of the payment that a desk has sent and whose rows the database has lost, as the entries
    (intents) of the spools. The search does not depend on the payment's id: a payment that the database had lost may
    have been restored with another id (see `is_refund_of_payment`).

    If the provider lists the refunds of a payment, a lost refund that it has is left out after a person has
    acknowledged the case about it. It then counts as a refund that was made elsewhere: before each sending, the
    program adds up the amounts in the provider's list (`payment_precheck`). A new refund of the same amount has the
    same idempotency key as the lost refund. `reader` is the adapter of the payment's provider.
    """
    spooled_refunds = context.spool.list_refunds_holding_amount(context.database_id, payment.id)
    intents = tuple(
        intent
        for intent in (*spooled_refunds, *lost_operations.list_refunds_holding_amount(conn))
        if is_refund_of_payment(intent, payment)
        and refunds.find_by_idempotency_key(conn, intent.provider_key or "") is None
        and not is_claim_ended_elsewhere(context, conn, intent.operation_id)
    )
    acknowledged_keys = find_acknowledged_refund_keys(conn, payment, reader) if intents else frozenset()
    return tuple(intent for intent in intents if intent.provider_key not in acknowledged_keys)


def find_acknowledged_refund_keys(conn: Connection, payment: Payment, reader: PaymentReader) -> frozenset[str]:
    """Return the idempotency keys of the unrecorded refunds of the payment about which a person has acknowledged the
    case. Such a refund stops no other refund of the payment. The result is empty if the provider doesn't list the
    refunds of a payment: then these refunds still stop the others. `reader` is the adapter of the payment's provider.
    """
    if not _lists_refunds(reader):
        return frozenset()
    return find_acknowledged_fact_keys(conn, payment.id, WorkReason.UNRECORDED_REFUND)
