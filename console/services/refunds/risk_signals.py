"""Find the risk signals of a refund: facts such as a similar earlier refund, on which the maker can comment and
which the checker reads. A risk signal never refuses a refund."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from console.domain.explanations.refunds import is_refused_for_good
from console.domain.payments.consistency import find_reversal_deadline
from console.domain.payments.limits import PAYER_HISTORY_PERIOD
from console.domain.payments.records import Payment, Refund
from console.domain.payments.service_results import RiskSignal
from console.domain.payments.states import DONE_OUTSIDE, PAID_STATES
from console.services.refunds.rules import RefundFacts
from console.store.alerts import cases
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments
from console.store.refunds import approvals, refunds

RecordT = TypeVar("RecordT", Payment, Refund)

PAYER_REFUND_SEARCH_PERIOD = PAYER_HISTORY_PERIOD
"""Period before now in which the refunds of the payer and of the order are compared with a refund."""
FREQUENT_PAYER_REFUND_COUNT = 3
"""Smallest number of refunds of one payer within PAYER_REFUND_SEARCH_PERIOD that makes a risk signal."""
MAX_DIFFERENCE_OF_SIMILAR_AMOUNTS_PERCENT = 1
"""Largest difference of two amounts, in percent of the new refund's amount, that still counts as similar."""
_SIGNAL_RULES_ABOUT_ONE_REFUND = frozenset({"exact_lookalike", "similar_amount", "same_order", "open_request"})
"""Rules whose signals say only that a certain other refund of the payment or of its order exists."""
DOUBLE_CHARGE_PERIOD = timedelta(hours=1)
"""Two payments of one corporation with one amount may be a double charge if they were paid within this time."""
LOOKALIKE_REFUND_PERIOD = timedelta(hours=24)
"""Time after a refund in which another refund of the same payment and amount looks like a repetition of it."""


@dataclass(frozen=True, slots=True)
class RiskSignalFacts:
    """All facts that the risk signals of a refund need, read in one transaction.

    `refund_facts` are the facts for the rules. `order_payments` are the payments of the same order,
    `similar_payments` payments of the same corporation with an equal captured amount. (The second group may also
    contain payments whose amount equals that of another payment whose facts are read in the same call.)
    `open_case_rules` are the rules of the payment's open cases. `order_refunds` are the refunds of the payment's
    order. `payer_refund_ids` are the ids of the refunds to the same payer within PAYER_REFUND_SEARCH_PERIOD, and
    `payer_refunds` those of them that this program can read. The refunds, and the payments in each of the two groups,
    are sorted newest first. `outside_proposers` are the people who have recorded that the payer got an amount of a
    payment back outside, while a second person must still confirm it, by the id of the payment.

    Rows of other payments and of their refunds that this program can't read are left out. That is safe, because a
    risk signal never refuses a refund; and a case reports each such row.
    """

    refund_facts: RefundFacts
    order_payments: tuple[Payment, ...]
    similar_payments: tuple[Payment, ...]
    open_case_rules: tuple[str, ...]
    order_refunds: tuple[Refund, ...]
    payer_refund_ids: tuple[int, ...]
    payer_refunds: tuple[Refund, ...]
    outside_proposers: Mapping[int, str]


def read_signal_facts(conn: Connection, refund_facts: Sequence[RefundFacts]) -> tuple[RiskSignalFacts, ...]:
    """Return the facts from which the risk signals of several refunds are computed, in the sequence of
    `refund_facts`. The number of SQL statements does not depend on the number of refunds."""
    if not refund_facts:
        return ()
    refund_payments = [facts.payment for facts in refund_facts]
    order_ids = {payment.order_id for payment in refund_payments if payment.order_id is not None}
    payments_by_order_id = _group_records_by(
        payments.find_by_orders(conn, order_ids, skips_unreadable=True), lambda payment: payment.order_id
    )
    numbers = {payment.corporation_number for payment in refund_payments if payment.corporation_number}
    amounts = {payment.captured_minor for payment in refund_payments}
    payments_by_number = _group_records_by(
        payments.find_by_corporations_and_amounts(conn, numbers, amounts), lambda payment: payment.corporation_number
    )
    case_rules_by_payment_id = cases.list_rules_of_open_cases_by_id(
        conn, payments.PAYMENT_KIND, {payment.id for payment in refund_payments}
    )
    refunds_by_order_id = _group_records_by(refunds.find_by_orders(conn, order_ids), lambda refund: refund.order_id)
    payer_by_payment_id = {payment.id: payment.payer for payment in refund_payments if payment.payer}
    payer_refund_ids_by_payment_id = refunds.list_ids_by_payers_since(
        conn, payer_by_payment_id, refund_facts[0].now - PAYER_REFUND_SEARCH_PERIOD
    )
    payer_refund_ids = {id for ids in payer_refund_ids_by_payment_id.values() for id in ids}
    payer_refund_by_id = {
        refund.id: refund for refund in refunds.find_by_ids(conn, payer_refund_ids, skips_unreadable=True)
    }
    order_payments = (payment for group in payments_by_order_id.values() for payment in group)
    proposals_by_id = approvals.read_open_proposals(
        conn, payments.PAYMENT_KIND, {str(payment.id) for payment in (*refund_payments, *order_payments)}
    )
    outside_proposers = {int(id): person for id, (state, person) in proposals_by_id.items() if state == DONE_OUTSIDE}
    return tuple(
        RiskSignalFacts(
            facts,
            tuple(payments_by_order_id.get(payment.order_id, ())),
            tuple(payments_by_number.get(payment.corporation_number, ())),
            case_rules_by_payment_id.get(payment.id, ()),
            tuple(refunds_by_order_id.get(payment.order_id, ())),
            ids := payer_refund_ids_by_payment_id.get(payment.id, ()),
            tuple(payer_refund_by_id[id] for id in ids if id in payer_refund_by_id),
            outside_proposers,
        )
        for facts, payment in zip(refund_facts, refund_payments, strict=True)
    )


def find_risk_signals(
    facts: RiskSignalFacts, amount_minor: int, *, own_refund_id: int | None = None
) -> tuple[RiskSignal, ...]:
    """Return the risk signals of a refund of `amount_minor` (minor units), the most serious first. If several signals
    are about the same other refund of the payment or of its order, only the most serious of them is returned.
    `own_refund_id` is the id of the refund itself, so that it isn't compared with itself; None if no person has
    requested the refund yet.
    """
    refund_facts = facts.refund_facts
    signals = (
        *_find_lookalike_signals(refund_facts, amount_minor, own_refund_id),
        *_find_outside_refund_signals(facts),
        *_find_double_charge_signals(refund_facts.payment, (*facts.order_payments, *facts.similar_payments)),
        *_find_open_case_signals(refund_facts.payment, facts.open_case_rules),
        *_find_order_refund_signals(facts, amount_minor, own_refund_id),
        *_find_payer_refund_signals(facts, amount_minor, own_refund_id),
        *_find_open_refund_signals(refund_facts, own_refund_id),
        *_find_refused_refund_signals(refund_facts),
        *_find_reversibility_signals(refund_facts),
    )
    return tuple(_drop_repeated_signals(signals))


def _drop_repeated_signals(signals: Iterable[RiskSignal]) -> Iterator[RiskSignal]:
    """Yield the signals without repetitions. A signal is left out if it only says that a certain other refund of the
    payment or order exists, and an earlier signal has already named this refund. Otherwise the maker would have to
    comment twice on the same fact.
    """
    named_ids: set[int | None] = set()
    for signal in signals:
        if signal.rule in _SIGNAL_RULES_ABOUT_ONE_REFUND:
            if signal.id in named_ids:
                continue
            named_ids.add(signal.id)
        yield signal


def find_equal_recent_refund(conn: Connection, payment_id: int, amount_minor: int, now: datetime) -> Refund | None:
    """Return a refund of this payment of exactly this amount (`amount_minor`, minor units) that was requested within
    LOOKALIKE_REFUND_PERIOD before `now`; None if there is none. Refunds that ended without effect don't count."""
    return refunds.find_equal_recent_refund(conn, payment_id, amount_minor, now - LOOKALIKE_REFUND_PERIOD)


def _find_lookalike_signals(
    refund_facts: RefundFacts, amount_minor: int, own_refund_id: int | None
) -> Iterator[RiskSignal]:
    """Yield a signal about the newest refund of the same payment and amount (`amount_minor`, minor units) that was
    requested within LOOKALIKE_REFUND_PERIOD. Refunds that ended without effect, and the refund with the id
    `own_refund_id` itself, don't count.
    """
    since = refund_facts.now - LOOKALIKE_REFUND_PERIOD
    lookalike_refund = next(
        (
            refund
            for refund in refund_facts.refunds
            if refund.id != own_refund_id
            and refund.amount_minor == amount_minor
            and _is_requested_since(refund, since)
            and refund.state not in refunds.STATES_WITHOUT_MOVED_MONEY
        ),
        None,
    )
    if lookalike_refund is not None:
        yield _make_refund_signal("exact_lookalike", lookalike_refund)


def _is_requested_since(refund: Refund, since: datetime) -> bool:
    return refund.created_at is not None and refund.created_at >= since


def _find_outside_refund_signals(facts: RiskSignalFacts) -> Iterator[RiskSignal]:
    """Yield a signal for each payment of the order, first for the refunded one, of which a person has recorded that
    the payer got an amount back outside, and no second person has confirmed it: the amount doesn't count yet,
    although the payer may have it. Also yield a signal about each amount that was confirmed."""
    payment = facts.refund_facts.payment
    other_payments = (other for other in facts.order_payments if other.id != payment.id)
    for checked_payment in (payment, *other_payments):
        prefix = "" if checked_payment is payment else "order_"
        proposer = facts.outside_proposers.get(checked_payment.id)
        if proposer is not None:
            yield RiskSignal(
                f"{prefix}outside_proposed", {"maker": proposer}, payments.PAYMENT_KIND, checked_payment.id
            )
        if checked_payment.outside_minor:
            amount = {"minor": checked_payment.outside_minor, "currency": checked_payment.currency}
            yield RiskSignal(f"{prefix}outside_recorded", amount, payments.PAYMENT_KIND, checked_payment.id)


def _find_double_charge_signals(payment: Payment, candidates: Iterable[Payment]) -> Iterator[RiskSignal]:
    """Yield a signal for each other paid payment of the same amount that may be a double charge: it is for the same
    order, or it is of the same corporation and was paid within DOUBLE_CHARGE_PERIOD of this payment.
    """
    for other_payment in {candidate.id: candidate for candidate in candidates}.values():
        is_same_amount = (
            other_payment.captured_minor == payment.captured_minor and other_payment.currency == payment.currency
        )
        if (
            other_payment.id != payment.id
            and other_payment.state in PAID_STATES
            and is_same_amount
            and _may_be_double_charge(payment, other_payment)
        ):
            facts = {
                "minor": other_payment.captured_minor,
                "currency": other_payment.currency,
                "at": other_payment.paid_at,
            }
            yield RiskSignal("double_charge", facts, payments.PAYMENT_KIND, other_payment.id)


def _may_be_double_charge(payment: Payment, other_payment: Payment) -> bool:
    """True if the two payments are for the same order, or were paid within DOUBLE_CHARGE_PERIOD of each other."""
    if payment.order_id is not None and payment.order_id == other_payment.order_id:
        return True
    return (
        payment.paid_at is not None
        and other_payment.paid_at is not None
        and abs(payment.paid_at - other_payment.paid_at) <= DOUBLE_CHARGE_PERIOD
    )


def _find_open_case_signals(payment: Payment, open_case_rules: Iterable[str]) -> Iterator[RiskSignal]:
    for rule in open_case_rules:
        yield RiskSignal("open_case", {"case": rule}, payments.PAYMENT_KIND, payment.id)


def _find_order_refund_signals(
    facts: RiskSignalFacts, amount_minor: int, own_refund_id: int | None
) -> Iterator[RiskSignal]:
    """Yield a signal for each other refund of this payment or of its order that was requested within
    PAYER_REFUND_SEARCH_PERIOD, except those that ended without effect. `amount_minor` and `own_refund_id` are amount
    and id of the refund for which signals are searched.
    """
    since = facts.refund_facts.now - PAYER_REFUND_SEARCH_PERIOD
    for refund in {refund.id: refund for refund in (*facts.refund_facts.refunds, *facts.order_refunds)}.values():
        is_recent = _is_requested_since(refund, since)
        if refund.id != own_refund_id and is_recent and refund.state not in refunds.STATES_WITHOUT_MOVED_MONEY:
            yield _make_refund_signal(
                "similar_amount" if _is_similar_amount(refund, amount_minor) else "same_order", refund
            )


def _find_payer_refund_signals(
    facts: RiskSignalFacts, amount_minor: int, own_refund_id: int | None
) -> Iterator[RiskSignal]:
    """Yield signals about refunds of other payments to the same payer within PAYER_REFUND_SEARCH_PERIOD. There is one
    signal for each refund whose amount is similar to `amount_minor`, and one more signal if the payer got
    FREQUENT_PAYER_REFUND_COUNT or more refunds in this period. The refund with the id `own_refund_id` is not compared
    with itself.
    """
    payment = facts.refund_facts.payment
    earlier_ids = [id for id in facts.payer_refund_ids if id != own_refund_id]
    if len(earlier_ids) >= FREQUENT_PAYER_REFUND_COUNT:
        yield RiskSignal(
            "payer_often",
            {"n": len(earlier_ids), "days": PAYER_REFUND_SEARCH_PERIOD.days},
            refunds.REFUND_KIND,
            earlier_ids[0],
        )
    for refund in facts.payer_refunds:
        if (
            refund.id != own_refund_id
            and refund.payment_id != payment.id
            and refund.currency == payment.currency
            and _is_similar_amount(refund, amount_minor)
        ):
            yield _make_refund_signal("payer_similar_amount", refund)


def _find_open_refund_signals(refund_facts: RefundFacts, own_refund_id: int | None) -> Iterator[RiskSignal]:
    """Yield a signal if the payment has an open refund other than the refund with the id `own_refund_id`."""
    if refund_facts.open_refund is not None and refund_facts.open_refund.id != own_refund_id:
        yield _make_refund_signal("open_request", refund_facts.open_refund)


def _find_refused_refund_signals(refund_facts: RefundFacts) -> Iterator[RiskSignal]:
    """Yield a signal about the newest refund of the payment that the provider has finally refused, because the
    provider will probably refuse another refund, too.
    """
    refused_refund = next(filter(is_refused_for_good, refund_facts.refunds), None)
    if refused_refund is not None:
        facts = {"cause": refused_refund.error_code, "at": refused_refund.state_since}
        yield RiskSignal("refused_for_good", facts, refunds.REFUND_KIND, refused_refund.id)


def _find_reversibility_signals(refund_facts: RefundFacts) -> Iterator[RiskSignal]:
    """Yield a signal if the payer's bank can still reverse the payment, because the payer could then get the money
    twice."""
    until = find_reversal_deadline(refund_facts.payment)
    if until is not None and refund_facts.now < until:
        yield RiskSignal("may_be_reversed", {"until": until}, payments.PAYMENT_KIND, refund_facts.payment.id)


def _is_similar_amount(refund: Refund, amount_minor: int) -> bool:
    """True if the refund's amount differs from `amount_minor` (minor units) by at most
    MAX_DIFFERENCE_OF_SIMILAR_AMOUNTS_PERCENT percent."""
    return abs(refund.amount_minor - amount_minor) * 100 <= amount_minor * MAX_DIFFERENCE_OF_SIMILAR_AMOUNTS_PERCENT


def _make_refund_signal(rule: str, refund: Refund) -> RiskSignal:
    """Return the risk signal `rule` about another refund, with the facts that the screen shows: amount, currency,
    maker, time and state.
    """
    facts: dict[str, object] = {
        "minor": refund.amount_minor,
        "currency": refund.currency,
        "maker": refund.maker,
        "at": refund.created_at,
        "state": refund.state.value,
    }
    return RiskSignal(rule, facts, refunds.REFUND_KIND, refund.id)


def _group_records_by(
    records: Iterable[RecordT], get_key: Callable[[RecordT], object]
) -> Mapping[object, list[RecordT]]:
    """Group the records by the key that `get_key` returns, and return the lists by key; each list is in the sequence
    of `records`.
    """
    groups: dict[object, list[RecordT]] = {}
    for record in records:
        groups.setdefault(get_key(record), []).append(record)
    return groups
