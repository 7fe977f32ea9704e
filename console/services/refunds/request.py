"""The maker's actions: read the plan of a refund (the facts that a person should know before the request), and
request a refund, which reserves the amount on the payment but sends nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from console.domain.access.permissions import APPROVER, has_right, is_same_person
from console.domain.access.read_only import is_action_stopped, make_switch_facts
from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import (
    AlreadyDecidedReason,
    AmountProblem,
    ExceedsCapturedReason,
    InProgressReason,
    NotAllowedReason,
    OverLimitReason,
    PossibleRepeatReason,
    RefundRule,
    RefundWindowReason,
)
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import ExceedsCapturedDetail, InvalidAmountDetail, PossibleRepeatDetail
from console.domain.money import InvalidAmountText, Money, format_decimal, make_stored_money, parse_money
from console.domain.payments.consistency import compute_money_parts
from console.domain.payments.records import (
    Limits,
    Payment,
    Refund,
    RefundRequest,
    SetAside,
    SetAsideState,
)
from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.service_results import RefundPlan, RiskSignal, RuleCheck
from console.domain.payments.states import PAID_STATES, PaymentState
from console.domain.records import Certainty
from console.domain.recovery.decision_rules import make_stale_view_error
from console.domain.tasks.retry_schedules import REFUND_DECISION_TIME_LIMIT
from console.domain.usage_problems import UsageProblem
from console.providers.payments.provider import PaymentReader
from console.services.audit import refusals
from console.services.guarded.database_rollback import make_lost_operation_error
from console.services.guarded.leases import lock_until_commit
from console.services.payments.next_work import require_payment_after_lapse
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.process.read_only import find_read_only_switch
from console.services.refunds import records as refund_records
from console.services.refunds import risk_signals
from console.services.refunds import rules as refund_rules
from console.services.refunds.rules import RefundFacts
from console.services.registry.facts import complete_with_corporations
from console.store.access import operators as people
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection, UniqueViolation
from console.store.payments import payments, set_asides
from console.store.refunds import refunds
from console.store.refunds.refunds import NewRefund

REQUEST_REFUND_ACTION = AuditAction.REFUND_REQUEST
REFUND_KIND = refunds.REFUND_KIND
LONGEST_REASON_CHARACTERS = 255
"""Largest number of characters of a refund's reason."""
LONGEST_TICKET_CHARACTERS = 64
"""Largest number of characters of a refund's ticket number."""
LONGEST_ANSWER_CHARACTERS = 500
"""Largest number of characters of the maker's answer to a risk signal."""
_REASON_KEY_OF_REQUEST_RULE: Mapping[RefundRule, str] = {
    ExceedsCapturedReason.NOT_CONFIRMED_AS_PAID: "refund_not_paid",
    InProgressReason.OTHER_REFUND_OPEN: "refund_open",
    InProgressReason.OTHER_REFUND_CONTRADICTED: "refund_contradicted",
    NotAllowedReason.STATE_NOT_REFUNDABLE: "refund_unpaid_at_provider",
    ExceedsCapturedReason.MORE_THAN_REFUNDABLE: "refund_nothing_left",
    RefundWindowReason.NO_SECOND_REFUND: "refund_repeated",
    RefundWindowReason.REFUND_COUNT_REACHED: "refund_count",
    RefundWindowReason.REFUND_PERIOD_OVER: "refund_window_over",
    OverLimitReason.LIMIT_PER_PERSON_AND_DAY: "refund_over_day_limit",
    OverLimitReason.LIMIT_PER_REFUND: "refund_over_limit",
}
"""For each rule that can refuse a refund of any amount: the part of its wording key after `reason.`. A limit
(`OverLimitReason`) does that only if it is 0.
"""
_REASON_KEY_OF_APPROVAL_RULE: Mapping[RefundRule, str] = {
    **_REASON_KEY_OF_REQUEST_RULE,
    RefundWindowReason.NO_PARTIAL_REFUND: "refund_partial",
    NotAllowedReason.MAKER_NOT_ACTIVE: "refund_maker_inactive",
}
"""For each rule that an approval checks: the last part of its wording key, `reason.…`."""


@dataclass(frozen=True, slots=True)
class _ValidRequest:
    """A refund request whose texts and amount are valid. `maker` is the name of the requesting person; `amount_minor`
    is the amount in minor units; `reader` queries the payment's provider; `is_by_program` is True if the program
    itself requests the refund of a set-aside."""

    request: RefundRequest
    maker: str
    amount_minor: int
    reader: PaymentReader
    is_by_program: bool = False


class RefundRequestService:
    """Plans and requests refunds for makers. This class never sends a refund."""

    def __init__(self, context: ServiceContext, payment_providers: PaymentProviders) -> None:
        self._context = context
        self._payment_providers = payment_providers

    # Plan

    def make_plan(self, payment_id: int, amount: str | None = None, set_aside_id: int | None = None) -> RefundPlan:
        """Return the facts that a person should read before requesting a refund of this payment. Nothing is reserved
        or written.

        `amount` is decimal text; None means the largest amount that can be requested (`Payment.requestable_minor`, or
        the amount of the set-aside). The plan is about the set-aside `set_aside_id`. If that is None, it is about the
        payment's oldest open set-aside if no other money of the payment can be refunded, otherwise about no
        set-aside. Raises not_found if there is no such payment or set-aside, not_allowed if the acting person has no
        right to read, and invalid_amount if `amount` is no amount of the payment's currency, or is 0.
        """
        context, now = self._context, self._context.now()
        with context.database.read() as conn:
            context.find_reading_person(conn)
            payment = require_payment_after_lapse(conn, payment_id)
            refund_facts = refund_rules.read_facts(context, conn, payment, context.operator or "")
            set_aside = _find_planned_set_aside(conn, payment, set_aside_id)
            largest_minor = payment.requestable_minor if set_aside is None else set_aside.amount_minor
            amount_minor = parse_amount(amount, payment) if amount is not None else largest_minor
            signal_facts = risk_signals.read_signal_facts(conn, [refund_facts])[0]
            signals = risk_signals.find_risk_signals(signal_facts, amount_minor) if amount_minor else ()
            approvers = _list_approvers(conn, refund_facts.maker)
            checks, reason, facts = self._check_all_refund_rules(
                conn, refund_facts, amount_minor, None if set_aside is None else set_aside.amount_minor
            )
            switch = find_read_only_switch(conn, payment.provider)
            order_ids = () if payment.order_id is None else (payment.order_id,)
            order_payments = payments.find_by_orders(conn, order_ids, skips_unreadable=True)
            (named_payment,) = complete_with_corporations(context, conn, [payment])
        if reason is None and switch is not None and is_action_stopped("refund", switch):
            reason, facts = "read_only_switch", make_switch_facts(switch)
        return RefundPlan(
            payment=named_payment,
            order=refund_facts.order,
            money=compute_money_parts(payment, refund_facts.refunds),
            limits=refund_facts.limits,
            requested_today_minor=refund_facts.requested_today_minor,
            risk_signals=signals,
            checks=checks,
            earlier=refund_facts.refunds,
            second_checker_reasons=refund_rules.find_second_checker_reasons(
                refund_facts, amount_minor, len(signal_facts.payer_refund_ids), refund_facts.now
            ),
            cooling_off_until=refund_rules.find_cooling_off_end(
                context, payment, amount_minor, refund_facts.limits, refund_facts.now
            ),
            approvers=approvers,
            refusal_code=reason,
            refusal_facts=facts,
            read_at=now,
            set_aside=set_aside,
            order_payments=order_payments,
        )

    def find_request_refusal(
        self,
        conn: Connection,
        payment: Payment,
        payment_refunds: Sequence[Refund],
        refund_limits: Limits,
        server_now: datetime,
    ) -> tuple[str | None, Mapping[str, object]]:
        """Return the code of the reason why the rules refuse every refund request for this payment now, and the facts
        of that reason. Return None and no facts if the rules allow a request. `payment_refunds` are the payment's
        refunds, newest first; `refund_limits` are the limits of its currency; `server_now` is the present instant by
        the database server. If all money that can still be refunded is set aside, the rules are checked for a refund
        of this set-aside money.
        """
        contradicted_refund, is_acknowledged = refund_rules.find_contradicted_refund_and_acknowledgement(
            conn, payment_refunds
        )
        refund_facts = RefundFacts(
            payment=payment,
            order=None,
            refunds=tuple(payment_refunds),
            limits=refund_limits,
            maker="",
            requested_today_minor=0,
            is_maker_active=True,  # rules about a person don't refuse everybody
            contradicted_refund=contradicted_refund,
            is_contradiction_acknowledged=is_acknowledged,
            now=server_now,
        )
        set_aside_minor = payment.set_aside_minor if payment.is_only_set_aside_money_left else None
        _, code, facts = self._check_all_refund_rules(
            conn, refund_facts, set_aside_minor or payment.requestable_minor, set_aside_minor
        )
        return code, facts

    def find_approval_refusal(
        self,
        conn: Connection,
        refund: Refund,
        payment: Payment,
        payment_refunds: Sequence[Refund],
        refund_limits: Limits,
        server_now: datetime,
    ) -> str | None:
        """Return the code of the rule that refuses the approval of this requested refund now. Return None if an
        approver can approve it, or if this desk can't query the provider and so can't check the rules. The approval
        itself checks the same rules again. `payment_refunds` are the payment's refunds, newest first; `refund_limits`
        are the limits of its currency; `server_now` is the present instant by the database server."""
        try:
            reader = self._payment_providers.get_reader(payment.provider)
        except ConsoleError:
            return None  # this desk can't judge; the desk or worker that approves can
        contradicted_refund, is_acknowledged = refund_rules.find_contradicted_refund_and_acknowledgement(
            conn, payment_refunds
        )
        refund_facts = RefundFacts(
            payment=payment,
            order=None,
            refunds=tuple(payment_refunds),
            limits=refund_limits,
            maker=refund.maker,
            requested_today_minor=0,
            is_maker_active=bool(refund_rules.find_active_makers(self._context, conn, [refund.maker])),
            contradicted_refund=contradicted_refund,
            is_contradiction_acknowledged=is_acknowledged,
            now=server_now,
        )
        checks = refund_rules.check_refund_rules(refund_facts, refund.amount_minor, reader, is_before_request=False)
        broken_rule = next((check.rule for check in checks if not check.holds), None)
        return None if broken_rule is None else _find_reason_key(broken_rule, payment)

    def _check_all_refund_rules(
        self, conn: Connection, refund_facts: RefundFacts, amount_minor: int, set_aside_minor: int | None = None
    ) -> tuple[tuple[RuleCheck, ...], str | None, Mapping[str, object]]:
        """Return three values: the checks of all rules; the code of the reason why the rules refuse a request for any
        amount (None if they don't); and the facts of that reason.

        There are no checks if the program has no refunds in the payment's currency, if the provider can't be queried,
        or if SQLite is not allowed for the provider. `amount_minor` is the amount of the refund in minor units.
        `set_aside_minor` is the amount of the set-aside to refund in minor units, None if the money to refund is not
        set aside.
        """
        context, payment = self._context, refund_facts.payment
        if make_stored_money(0, payment.currency) is None:
            return (), "refund_other_currency", {"currency": payment.currency}
        try:
            reader = self._payment_providers.get_reader(payment.provider)
            refund_rules.require_two_person_database(context, payment)
        except ConsoleError as error:
            reason = "refund_sqlite" if error.code == ErrorCode.NOT_ALLOWED else "refund_provider_disabled"
            return (), reason, {"provider": payment.provider}
        lost_refunds = refund_rules.find_lost_refunds(context, conn, payment, reader)
        checks = refund_rules.check_refund_rules(
            refund_facts, max(amount_minor, 1), reader, is_before_request=True, set_aside_minor=set_aside_minor
        )
        if lost_refunds:
            return checks, "refund_only_desk_knows", {"operation": lost_refunds[0].operation_id}
        if refund_facts.open_refund is not None and refund_facts.open_refund.certainty is Certainty.UNKNOWN:
            return checks, "refund_unknown", {"refund": refund_facts.open_refund.id}
        broken_check = next(
            (
                check
                for check in checks
                if not check.holds
                and check.rule in _REASON_KEY_OF_REQUEST_RULE
                and not _can_smaller_amount_satisfy(check, refund_facts)
            ),
            None,
        )
        return (
            checks,
            _find_reason_key(broken_check.rule, payment) if broken_check else None,
            broken_check.facts if broken_check else {},
        )

    # Request

    def request_refund(self, request: RefundRequest) -> Refund:
        """Insert a refund request of the acting person, and reserve its amount on the payment; nothing is sent.
        Return the refund.

        Raises not_found if the payment or the request's set-aside is missing; invalid_amount if the request's amount
        is no amount of the payment's currency, or is 0; usage if the reason is missing or the reason or the ticket is
        too long; bad_profile if the provider is not configured on this desk; not_allowed if the acting person has no
        right to request refunds, or if the database can't enforce two people; stale_view if the payment's version
        differs from the request's field `saw`, the version on the maker's screen; exceeds_captured if the amount is
        more than the refundable amount, or not the whole set-aside; already_decided if the set-aside is not open;
        possible_repeat for an equal recent refund that the maker has not confirmed; in_progress if another refund of
        the payment is open, or if the database has lost one; and the error of `raise_first_broken_rule` if the
        request breaks another rule. An audit entry is written about an error with exit status 3.
        """
        facts = {"amount": request.amount[:40], "payment": request.payment_id}
        with refusals.audit_refusals(
            self._context, REQUEST_REFUND_ACTION, request.payment_id, facts, kind=payments.PAYMENT_KIND
        ):
            maker = self._context.require_right("refund_request").name
            valid_request = self._validate_request(request, maker)
            self._context.failpoints.reach("before_request")
            refund = self._write_request(valid_request)
            self._context.failpoints.reach("after_request")
        return refund

    def request_set_aside_refund(self, set_aside: SetAside) -> int:
        """Request the refund of the set-aside `set_aside`, with the program itself as the maker; two people must
        approve it. Return the refund's id.

        The program requests the refund of a set-aside only once. If people reject this request or if it expires, only
        people can request the refund again. Raises already_decided if a refund of the set-aside was requested before,
        and the error of `request_refund` if the request is refused. No audit entry is written about a refusal,
        because a due task repeats the request.
        """
        maker = self._context.require_right("refund_propose").name
        amount = format_decimal(Money(set_aside.amount_minor, set_aside.currency))
        valid_request = self._validate_request(
            RefundRequest(
                set_aside.payment_id, amount, "", set_aside_id=set_aside.id, reason_code=RefundReason.SET_ASIDE
            ),
            maker,
        )
        return self._write_request(replace(valid_request, is_by_program=True)).id

    def _validate_request(self, request: RefundRequest, maker: str) -> _ValidRequest:
        with self._context.database.read() as conn:
            payment = require_payment_after_lapse(conn, request.payment_id)
        amount_minor = parse_amount(request.amount, payment)
        reason, ticket = (
            strip_invisible_characters(request.reason),
            strip_invisible_characters(request.ticket or "") or None,
        )
        needs_text = request.reason_code in (None, RefundReason.OTHER)
        if (needs_text and not reason) or len(reason) > LONGEST_REASON_CHARACTERS:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.INVALID_REFUND_REASON, "longest": LONGEST_REASON_CHARACTERS}
            )
        if ticket is not None and len(ticket) > LONGEST_TICKET_CHARACTERS:
            raise ConsoleError(
                ErrorCode.USAGE,
                {"problem": UsageProblem.REFUND_TICKET_TOO_LONG, "longest": LONGEST_TICKET_CHARACTERS},
            )
        refund_rules.require_two_person_database(self._context, payment)
        reader = self._payment_providers.get_reader(payment.provider)
        return _ValidRequest(replace(request, reason=reason, ticket=ticket), maker, amount_minor, reader)

    def _write_request(self, valid_request: _ValidRequest) -> Refund:
        """Insert the refund, and return it. A unique index allows only one open refund of a payment. Raises
        in_progress if another refund of the payment is open, and the error of `_insert_refund` if the request is
        refused.
        """
        try:
            return self._context.write(lambda tx: self._insert_refund(tx, valid_request))
        except UniqueViolation:
            with self._context.database.read() as conn:
                open_refund = refunds.find_open_refund(conn, valid_request.request.payment_id)
            if open_refund is None:
                raise
            raise ConsoleError(
                ErrorCode.IN_PROGRESS, {"record": open_refund, "reason": InProgressReason.OTHER_REFUND_OPEN}
            ) from None

    @refunds.run_again_if_stale()
    def _insert_refund(self, tx: Transaction, valid_request: _ValidRequest) -> Refund:
        """Check the rules, reserve the amount on the payment's row, and insert the refund. Return it. The lock on
        the payment's row makes parallel requests run one after another.

        Raises stale_view if the payment's version differs from the request's field `saw`; exceeds_captured if the
        amount is more than the refundable amount, or not the whole set-aside; not_found if the payment has no such
        set-aside; already_decided if the set-aside is not open, or if the program itself requests a set-aside's
        refund a second time; in_progress if the database has lost a refund of the payment; possible_repeat for an
        equal recent refund that the maker has not confirmed; and the error of `raise_first_broken_rule` if the
        request breaks another rule.
        """
        context, now, request = self._context, self._context.now(), valid_request.request
        # Two parallel requests for different payments could together exceed the maker's limit per day.
        lock_until_commit(context, tx, f"refunds_of_{valid_request.maker}")
        payment = require_payment_after_lapse(tx.conn, request.payment_id)
        if request.saw is not None and request.saw != payment.version:
            raise make_stale_view_error(payment, request.saw)
        refund_facts = refund_rules.read_facts(context, tx.conn, payment, valid_request.maker)
        set_aside = _find_set_aside(tx.conn, request, valid_request.amount_minor)
        if valid_request.is_by_program:
            _refuse_second_program_request(refund_facts, request)
        signals, payer_refund_count = self._check_rules_and_find_signals(
            tx.conn, refund_facts, valid_request, set_aside
        )
        if not payments.reserve_amount(
            tx.conn, payment.id, valid_request.amount_minor, now, is_from_set_aside=set_aside is not None
        ):
            facts: ExceedsCapturedDetail = {
                "record": payment,
                "reason": ExceedsCapturedReason.MORE_THAN_REFUNDABLE,
                "left": payment.requestable_minor,
                "currency": payment.currency,
            }
            raise ConsoleError(ErrorCode.EXCEEDS_CAPTURED, facts)
        reasons = refund_rules.find_second_checker_reasons(
            refund_facts, valid_request.amount_minor, payer_refund_count, refund_facts.now
        )
        needed_checker_count = 2 if valid_request.is_by_program or reasons else 1
        new_refund = self._make_new_refund(
            refund_facts, valid_request, signals, needed_checker_count, refund_facts.now
        )
        refund_id = refunds.insert_refund(tx.conn, new_refund, now, uses_server_time=context.database.is_server)
        if set_aside is not None:
            set_asides.change_set_aside(tx.conn, set_aside, now, SetAsideState.REFUNDING, refund_id)
        audit_facts = {
            "payment": payment.id,
            "minor": valid_request.amount_minor,
            "currency": payment.currency,
            "radar": _list_signal_rules(signals),
            **({"second_checker": list(reasons)} if reasons else {}),
        }
        context.record_audit(tx, AuditAction.REFUND_REQUESTED, refund_id, audit_facts, kind=REFUND_KIND)
        return refund_records.require_refund_after_lapse(tx.conn, refund_id)

    def _check_rules_and_find_signals(
        self, conn: Connection, refund_facts: RefundFacts, valid_request: _ValidRequest, set_aside: SetAside | None
    ) -> tuple[tuple[RiskSignal, ...], int]:
        """Check that the rules allow the request. Return its risk signals with the maker's comments, and the number
        of the payer's refunds within PAYER_HISTORY_PERIOD. `refund_facts` are the facts for the rules; `set_aside` is
        the set-aside to refund, None if the money to refund is not set aside.

        Raises in_progress if the database has lost a refund of the payment. Raises possible_repeat for an equal
        recent refund that the maker has not confirmed. Raises the error of `raise_first_broken_rule` if the request
        breaks another rule.
        """
        context, amount_minor, payment = self._context, valid_request.amount_minor, refund_facts.payment
        for intent in refund_rules.find_lost_refunds(context, conn, payment, valid_request.reader):
            raise make_lost_operation_error(intent, {"record": payment})
        lookalike_refund = risk_signals.find_equal_recent_refund(conn, payment.id, amount_minor, refund_facts.now)
        if lookalike_refund is not None and not valid_request.request.intended_repeat:
            facts: PossibleRepeatDetail = {
                "record": lookalike_refund,
                "reason": PossibleRepeatReason.EXACT_LOOKALIKE,
                "maker": lookalike_refund.maker,
                "at": lookalike_refund.created_at,
            }
            raise ConsoleError(ErrorCode.POSSIBLE_REPEAT, facts)
        set_aside_minor = set_aside.amount_minor if set_aside is not None else None
        checks = refund_rules.check_refund_rules(
            refund_facts, amount_minor, valid_request.reader, is_before_request=True, set_aside_minor=set_aside_minor
        )
        refund_rules.raise_first_broken_rule(checks, refund_facts, payment)
        comment_by_rule = dict(valid_request.request.answers)
        signal_facts = risk_signals.read_signal_facts(conn, [refund_facts])[0]
        signals = tuple(
            replace(signal, answer=comment_by_rule.get(signal.rule))
            for signal in risk_signals.find_risk_signals(signal_facts, amount_minor)
        )
        return signals, len(signal_facts.payer_refund_ids)

    def _make_new_refund(
        self,
        refund_facts: RefundFacts,
        valid_request: _ValidRequest,
        signals: Sequence[RiskSignal],
        needed_checker_count: int,
        now: datetime,
    ) -> NewRefund:
        payment, request, amount_minor = refund_facts.payment, valid_request.request, valid_request.amount_minor
        return NewRefund(
            payment_id=payment.id,
            order_id=payment.order_id,
            amount_minor=amount_minor,
            currency=payment.currency,
            maker=valid_request.maker,
            reason=request.reason,
            reason_code=request.reason_code,
            payment_at_request=json.dumps(make_facts_at_request(refund_facts), ensure_ascii=False, sort_keys=True),
            risk_signals=json.dumps(
                [_make_signal_facts(signal) for signal in signals], ensure_ascii=False, default=str
            ),
            checkers_needed=needed_checker_count,
            decide_by=now + self._context.scale.scale_duration(REFUND_DECISION_TIME_LIMIT),
            sends_after=refund_rules.find_cooling_off_end(
                self._context, payment, amount_minor, refund_facts.limits, now
            ),
            ticket=request.ticket,
            intended_repeat=request.intended_repeat,
            set_aside_id=request.set_aside_id,
        )


def parse_amount(text: str, payment: Payment) -> int:
    """Return the amount in the decimal text `text` in minor units of the payment's currency. Raises
    invalid_amount if the text is no amount of this currency, or an amount of 0."""
    facts: InvalidAmountDetail = {"amount": text[:40], "currency": payment.currency, "record": payment}
    try:
        amount = parse_money(text, payment.currency)
    except InvalidAmountText:
        raise ConsoleError(ErrorCode.INVALID_AMOUNT, {**facts, "problem": AmountProblem.WRONG_FORM}) from None
    if amount.minor == 0:
        raise ConsoleError(ErrorCode.INVALID_AMOUNT, {**facts, "problem": AmountProblem.NOT_POSITIVE})
    return amount.minor


def make_facts_at_request(refund_facts: RefundFacts) -> dict[str, object]:
    """Return the facts about a payment that are stored with a refund request, by the names of the payment's fields
    (such as `captured_minor`); `order_state` and `order_total_minor` are those of its order, None without an order.
    The checker's screen compares them with the present facts and shows those that have changed."""
    payment, order = refund_facts.payment, refund_facts.order
    return {
        "state": payment.state.value,
        "provider_state": payment.provider_state,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "set_aside_minor": payment.set_aside_minor,
        "outside_minor": payment.outside_minor,
        "payer": payment.payer,
        "order_state": order.state.value if order else None,
        "order_total_minor": order.total_minor if order else None,
        "version": payment.version,
    }


def _find_reason_key(broken_rule: RefundRule, payment: Payment) -> str:
    """Return the last part of the key `reason.…` of the text that explains a broken rule on the screen.

    The rule that the payment must be confirmed as paid has three special texts. One is for a payment with an unknown
    outcome, which may be paid. One is for a reversed payment, which was paid. One is for a payment that people have
    decided to be paid, so that only the provider's payment id is missing.
    """
    if broken_rule == ExceedsCapturedReason.NOT_CONFIRMED_AS_PAID and payment.certainty is Certainty.UNKNOWN:
        return "payment_unknown"
    if broken_rule == ExceedsCapturedReason.NOT_CONFIRMED_AS_PAID and payment.state is PaymentState.REVERSED:
        return "payment_reversed"
    if broken_rule == ExceedsCapturedReason.NOT_CONFIRMED_AS_PAID and payment.state in PAID_STATES:
        return "refund_no_number"
    return _REASON_KEY_OF_APPROVAL_RULE[broken_rule]


def _find_set_aside(conn: Connection, request: RefundRequest, amount_minor: int) -> SetAside | None:
    """Return the set-aside whose refund is requested; None if the request has no set-aside. Raises not_found if the
    payment has no such set-aside, already_decided if its refund was requested, and exceeds_captured if its amount is
    not `amount_minor`. The caller refuses a refund of a reversed payment."""
    if request.set_aside_id is None:
        return None
    set_aside = _require_set_aside(conn, request.payment_id, request.set_aside_id)
    if set_aside.state in (SetAsideState.REFUNDING, SetAsideState.REFUNDED):
        raise ConsoleError(
            ErrorCode.ALREADY_DECIDED, {"reason": AlreadyDecidedReason.SET_ASIDE, "refund": set_aside.refund_id}
        )
    if set_aside.amount_minor != amount_minor:
        amount = format_decimal(Money(amount_minor, set_aside.currency))
        raise ConsoleError(
            ErrorCode.EXCEEDS_CAPTURED,
            {"reason": ExceedsCapturedReason.NOT_WHOLE_SET_ASIDE, "left": set_aside.amount_minor, "amount": amount},
        )
    return set_aside


def _find_planned_set_aside(conn: Connection, payment: Payment, set_aside_id: int | None) -> SetAside | None:
    """Return the set-aside `set_aside_id` of the payment. If `set_aside_id` is None, return the oldest open set-aside
    if no other money of the payment can be refunded, otherwise None. Raises not_found if the payment has no such
    set-aside."""
    if set_aside_id is not None:
        return _require_set_aside(conn, payment.id, set_aside_id)
    if not payment.is_only_set_aside_money_left:
        return None
    all_set_asides = set_asides.find_by_payment(conn, payment.id)
    return next((set_aside for set_aside in all_set_asides if set_aside.state is SetAsideState.OPEN), None)


def _require_set_aside(conn: Connection, payment_id: int, set_aside_id: int) -> SetAside:
    """Return this set-aside of the payment. Raises not_found if the payment has no such set-aside."""
    set_aside = set_asides.find(conn, set_aside_id)
    if set_aside is None or set_aside.payment_id != payment_id:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": set_asides.SET_ASIDE_KIND, "id": str(set_aside_id)})
    return set_aside


def _refuse_second_program_request(refund_facts: RefundFacts, request: RefundRequest) -> None:
    """Raise already_decided if a refund of the request's set-aside was requested before, because the program itself
    requests the refund of a set-aside only once. `refund_facts` contain the payment's refunds."""
    for earlier_refund in refund_facts.refunds:
        if earlier_refund.set_aside_id == request.set_aside_id:
            raise ConsoleError(
                ErrorCode.ALREADY_DECIDED, {"reason": AlreadyDecidedReason.SET_ASIDE, "refund": earlier_refund.id}
            )


def _list_approvers(conn: Connection, maker: str) -> tuple[str, ...]:
    """Return the names of the people who may approve refund requests of `maker`."""
    approvers = [
        person
        for person in people.list_enabled_people(conn)
        if has_right(person, "refund_approve") and APPROVER in person.roles
    ]
    return tuple(person.name for person in approvers if not is_same_person(person.name, maker))


def _can_smaller_amount_satisfy(check: RuleCheck, refund_facts: RefundFacts) -> bool:
    """True if a request for a smaller amount, today or on another day, would satisfy the rule that `check` found
    broken."""
    payment, refund_limits = refund_facts.payment, refund_facts.limits
    if check.rule == OverLimitReason.LIMIT_PER_PERSON_AND_DAY:
        return refund_limits.per_person_day > 0
    if check.rule == OverLimitReason.LIMIT_PER_REFUND:
        return refund_limits.per_refund > 0
    return (
        check.rule == ExceedsCapturedReason.MORE_THAN_REFUNDABLE
        and payment.requestable_minor > 0
        and payment.state in PAID_STATES
    )


def _list_signal_rules(signals: Sequence[RiskSignal]) -> list[str]:
    return sorted({signal.rule for signal in signals})


def _make_signal_facts(signal: RiskSignal) -> dict[str, object]:
    """Return the fields of a risk signal by name (`rule`, `facts`, `kind`, `id`, `answer`), as they are stored with
    the refund request. `answer`, the maker's comment, is cut to LONGEST_ANSWER_CHARACTERS."""
    answer = signal.answer[:LONGEST_ANSWER_CHARACTERS] if signal.answer else None
    return {"rule": signal.rule, "facts": dict(signal.facts), "kind": signal.kind, "id": signal.id, "answer": answer}
