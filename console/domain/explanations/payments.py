"""Why payments and orders are as they are and what happens next, as wording codes with facts; refunds likewise.

Reads nothing but the records. A reason on the work axis that has a sentence of its own here is told by it; any other
is named (`work.reason.*`) in a sentence that says that a person has to look.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from console.domain.comparing import RULES as RECONCILED
from console.domain.dates import IST
from console.domain.explain_refunds import explain_refund
from console.domain.money import Money
from console.domain.order_records import Order, OrderState, Payment
from console.domain.payment_records import PaymentState
from console.domain.permissions import APPROVER, OPERATOR
from console.domain.records import Certainty, WorkState
from console.domain.results import Explanation, NextStep
from console.domain.schedules import PAYMENT_PROBES

__all__ = ["PAID", "explain_order", "explain_payment", "explain_refund", "may_be_reversed_until"]

Facts = Mapping[str, object]

_P = PaymentState
PAID = frozenset({_P.PAYMENT_SUCCESS, _P.CALLBACK_RECEIVED, _P.SIGNATURE_VERIFIED, _P.COMPLETED})
"""States in which the payer has paid."""
WAITING = frozenset({_P.INITIALIZING, _P.TOKEN_GENERATED, _P.USER_PAYMENT})
PERSON_DECIDES = (APPROVER, OPERATOR)

_REVERSIBLE_DAYS: Mapping[str, int] = {"atom": 2}
"""For so many days after the payment's own (in the provider's zone) its bank may take a success back."""
_PERSONS_NEXT: Mapping[str, str] = {
    "paid_after_cancel": "next.payment_refund_or_ship",
    "paid_twice": "next.payment_refund_second",
    "set_aside": "next.payment_refund_set_aside",
    "no_order": "next.payment_find_order",
    "amount_differs": "next.payment_compare_amounts",
    "other_payment": "next.payment_compare",
    "unknown_refund": "next.payment_compare",
    "contradicted": "next.payment_compare",
    **dict.fromkeys(RECONCILED, "next.payment_reconcile"),
    "reversed": "next.payment_tell_order",
    "not_moved": "next.payment_move_order",
    "timeout_stuck": "next.payment_go_on",
}
"""Reasons for which a person is needed, with what there is to do; verdict and why are named after the reason."""
_ASKED_AGAIN = frozenset(
    ("amount_differs", "contradicted", "not_moved", "other_payment", "timeout_stuck", "unknown_refund", *RECONCILED)
)
_QUIET: Mapping[PaymentState, tuple[str, str, str]] = {
    _P.PAYMENT_FAILED: ("verdict.payment_failed", "why.payment_failed", "next.payment_may_begin_again"),
    _P.EXPIRED: ("verdict.payment_expired", "why.payment_expired", "next.payment_may_begin_again"),
    _P.REVERSED: ("verdict.payment_reversed", "why.payment_reversed", "next.nothing"),
}


def may_be_reversed_until(record: Payment) -> datetime | None:
    """The end (UTC) of the days in which the bank may take a success back; None where there is no such time."""
    days = _REVERSIBLE_DAYS.get(record.provider)
    if days is None or record.paid_at is None or record.state not in PAID:
        return None
    after = record.paid_at.astimezone(IST).date() + timedelta(days=days + 1)
    return datetime.combine(after, time(), IST)


def explain_payment(
    record: Payment, now: datetime, *, order: Order | None = None, awaiting: str | None = None
) -> Explanation:
    """Verdict, why and next step of a payment at the instant `now`, seen beside its order where there is one."""
    facts = _payment_facts(record, order)
    if record.certainty is Certainty.UNKNOWN:
        return _unknown_payment(record, facts, awaiting)
    if awaiting is not None:
        step = NextStep("next.payment_second_person", facts, _resolve(record, "reversed"))
        return Explanation("verdict.payment_reversal_asked", "why.payment_reversal_asked", step, facts, (APPROVER,))
    if record.work.state is WorkState.NEEDS_REVIEW:
        return _payment_for_a_person(record, facts)
    behind = order.state is OrderState.PENDING if order is not None else record.work.reason == "move_order"
    if record.state in PAID and behind:
        return _order_behind(record, facts)
    if record.state in WAITING:
        return _waiting_payment(record, facts)
    if record.state in _QUIET:
        verdict, why, following = _QUIET[record.state]
        return Explanation(verdict, why, NextStep(following, facts), facts)
    return _paid(record, facts, now)


def explain_order(record: Order, now: datetime, *, unpaid: bool = False, stuck: bool = False) -> Explanation:
    """Verdict, why and next step of an order at the instant `now`; `unpaid`: we cancelled it, as nobody paid in time;
    `stuck`: what follows its payment's time can't go on.
    """
    facts: Facts = {
        "order": record.merch_txn_id,
        "id": record.id,
        "total": _money(record.total_minor, record.currency),
        "n": len(record.payment_ids),
        "since": record.changed_at or record.created_at,
        "age": now - record.changed_at if record.changed_at else None,
        "reason": record.work.reason,
    }
    if record.work.state is WorkState.NONE and stuck:
        step = NextStep("next.order_open_payment", facts, f"support-console show payment {record.payment_ids[-1]}")
        return Explanation(f"verdict.order_{record.state}", "why.order_stuck", step, facts, PERSON_DECIDES)
    if record.work.state is WorkState.NONE:
        return _order_at_rest(record, facts, unpaid=unpaid)
    command = f"support-console show payment {record.payment_ids[-1]}" if record.payment_ids else None
    late = record.work.reason == "paid_after_cancel"
    verdict, why = ("verdict.order_paid_late", "why.order_paid_late") if late else _order_review(record)
    step = NextStep("next.order_open_payment", facts, command or f"support-console show order {record.id}")
    return Explanation(verdict, why, step, facts, PERSON_DECIDES)


def _order_at_rest(record: Order, facts: Facts, *, unpaid: bool) -> Explanation:
    """No deadline of ours is on an order without a payment: how long it waits is the shop's to say."""
    why, following = f"why.order_{record.state}", "next.nothing"
    if record.state is OrderState.PENDING:
        begun = bool(record.payment_ids)
        why, following = (why, "next.order_wait") if begun else ("why.order_not_begun", "next.order_shop_decides")
    elif unpaid:
        why = "why.order_cancelled_unpaid"
    return Explanation(f"verdict.order_{record.state}", why, NextStep(following, facts), facts)


def _order_review(record: Order) -> tuple[str, str]:
    return f"verdict.order_{record.state}", "why.order_person"


# -- payments, situation by situation


def _payment_facts(record: Payment, order: Order | None) -> Facts:
    captured = _money(record.captured_minor, record.currency)
    return {
        "id": record.id,
        "provider": record.provider,
        "number": record.merchant_payment_id,
        "order": order.merch_txn_id if order else None,
        "order_state": order.state.value if order else None,
        "amount": captured if record.captured_minor else _money(record.asked_minor, record.currency),
        "asked": _money(record.asked_minor, record.currency),
        "told": None if record.provider_minor is None else _money(record.provider_minor, record.currency),
        "refunded": _money(record.refunded_minor, record.currency),
        "left": _money(record.left_minor, record.currency),
        "aside": _money(record.set_aside_minor, record.currency),
        "since": record.changed_at or record.created_at,
        "paid_at": record.paid_at,
        "expires_at": record.expires_at,
        "at": record.work.at,
        "attempt": record.work.attempt + 1,
        "of": len(PAYMENT_PROBES),
        "cause": record.error_code,
        "provider_state": record.provider_state,
        "reason": record.work.reason,
    }


def _unknown_payment(record: Payment, facts: Facts, awaiting: str | None) -> Explanation:
    why = {
        "not_found": "why.payment_not_found",
        "no_such_payment": "why.payment_not_found",
        "no_such_code": "why.payment_not_found",
        "other_amount": "why.payment_other_amount",
        "other_currency": "why.payment_answer_does_not_fit",
        "other_payment": "why.payment_answer_does_not_fit",
        None: "why.payment_no_answer",
    }.get(record.error_code, "why.payment_no_answer")
    step = _next_of_unknown_payment(record, facts, awaiting)
    return Explanation("verdict.payment_unknown", why, step, facts, PERSON_DECIDES)


def _next_of_unknown_payment(record: Payment, facts: Facts, awaiting: str | None) -> NextStep:
    if awaiting is not None:
        return NextStep("next.payment_second_person", facts, _resolve(record, "payment_failed"))
    if record.work.state is WorkState.SCHEDULED:
        return NextStep("next.payment_probe_scheduled", facts, _probe(record))
    if record.work.state is WorkState.NONE:
        return NextStep("next.payment_probe", facts, _probe(record))
    return NextStep("next.payment_resolve", facts, _resolve(record, "completed"))


def _payment_for_a_person(record: Payment, facts: Facts) -> Explanation:
    reason = record.work.reason or ""
    if reason in _PERSONS_NEXT:
        step = NextStep(_PERSONS_NEXT[reason], facts, _command_for(record, reason))
        told = "reversed_there" if reason == "reversed" and record.state in PAID else reason
        return Explanation(f"verdict.payment_{told}", f"why.payment_{told}", step, facts, PERSON_DECIDES)
    step = NextStep("next.payment_look", facts, f"support-console show payment {record.id}")
    return Explanation("verdict.payment_person", "why.payment_person", step, facts, PERSON_DECIDES)


def _command_for(record: Payment, reason: str) -> str:
    if reason in ("paid_after_cancel", "paid_twice", "set_aside"):
        return f"support-console refund request {record.id} --amount N --reason TEXT"
    if reason == "reversed":
        return _resolve(record, "reversed")
    return _probe(record) if reason in _ASKED_AGAIN else _show(record)


def _order_behind(record: Payment, facts: Facts) -> Explanation:
    """The provider was paid, the order doesn't know: no call is needed to put that right."""
    scheduled = record.work.state is WorkState.SCHEDULED and record.work.at is not None
    following = "next.payment_moved_by_itself" if scheduled else "next.payment_move_order"
    step = NextStep(following, facts, _probe(record))
    return Explanation("verdict.payment_not_moved", "why.payment_not_moved", step, facts, PERSON_DECIDES)


def _waiting_payment(record: Payment, facts: Facts) -> Explanation:
    known = record.state in (_P.TOKEN_GENERATED, _P.USER_PAYMENT)
    why = "why.payment_waiting" if known else "why.payment_starting"
    verdict = "verdict.payment_waiting" if known else "verdict.payment_starting"
    scheduled = record.work.state is WorkState.SCHEDULED
    step = NextStep("next.payment_probe_waiting" if scheduled else "next.payment_wait", facts, _probe(record))
    return Explanation(verdict, why, step, facts)


def _paid(record: Payment, facts: Facts, now: datetime) -> Explanation:
    if record.work.state is WorkState.SCHEDULED:
        step = NextStep("next.payment_confirmed_later", facts, _probe(record))
        return Explanation("verdict.payment_noticed", "why.payment_noticed", step, facts)
    until = may_be_reversed_until(record)
    if until is not None and now < until:
        facts = {**facts, "until": (until - timedelta(microseconds=1)).date()}
        step = NextStep("next.payment_reversible", facts)
        return Explanation("verdict.payment_reversible", "why.payment_reversible", step, facts)
    if record.refunded_minor and record.refunded_minor >= record.captured_minor:
        return Explanation("verdict.payment_refunded", "why.payment_refunded", NextStep("next.nothing", facts), facts)
    if record.refunded_minor:
        return Explanation("verdict.payment_partly", "why.payment_partly", NextStep("next.nothing", facts), facts)
    why = "why.payment_complete" if record.order_id is not None else "why.payment_complete_alone"
    return Explanation("verdict.payment_complete", why, NextStep("next.nothing", facts), facts)


def _money(minor: int, currency: str) -> Money:
    return Money(max(0, minor), currency)


def _show(record: Payment) -> str:
    return f"support-console show payment {record.id}"


def _probe(record: Payment) -> str:
    return f"support-console probe payment {record.id}"


def _resolve(record: Payment, outcome: str) -> str:
    return f"support-console resolve payment {record.id} --as {outcome} --evidence FILE"
