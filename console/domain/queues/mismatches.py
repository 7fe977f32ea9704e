"""Mismatches: records whose sides have different states or amounts. The sides are our database, the provider's
last answer or notice, a reconciliation, and the order. A side that the program has never read is not compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.domain.payments.compared_sides import ComparedSide
from console.domain.payments.consistency import compare_payment_sides
from console.domain.payments.records import Payment, PaymentRelations
from console.domain.queues.mismatch_reasons import MISMATCH_REASONS_BY_KIND
from console.domain.tasks.records import Alert, AlertRule

_MISMATCH_RULES = frozenset(AlertRule).union(*MISMATCH_REASONS_BY_KIND.values())


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The states and amounts by which the sides of a record (our record, the provider, the order) disagree.

    - `sides`: the sides of a payment that have stated a state or amount, our record first. The field `differs` of a
      side has the names of the fields that contradict our record. Empty for records of other kinds.
    - `rule`, `observed`, `expected`, `detected_at`: the stored values of the open case or alert about the record;
      None if there is none.
    """

    sides: tuple[ComparedSide, ...] = ()
    rule: str | None = None
    observed: str | None = None
    expected: str | None = None
    detected_at: datetime | None = None


def make_mismatch(record: object, open_alerts: Sequence[Alert], now: datetime) -> Mismatch:
    """Return the states and amounts of a payment's sides (for other records, no sides), and one open alert or case
    about the mismatch. `open_alerts` are all open alerts about this record. If an alert fits the reason of the
    record's work, this alert is used, otherwise the oldest alert about a mismatch.
    """
    reason = getattr(getattr(record, "work", None), "reason", None)
    mismatch_alerts = [alert for alert in open_alerts if alert.rule_id in _MISMATCH_RULES]
    alert = min(mismatch_alerts, key=lambda candidate: (candidate.rule_id != reason, candidate.id), default=None)
    sides = _list_read_payment_sides(record, now) if isinstance(record, Payment) else ()
    if alert is None:
        return Mismatch(sides)
    return Mismatch(sides, alert.rule_id, alert.observed, alert.expected, alert.detected_at)


def _list_read_payment_sides(payment: Payment, now: datetime) -> tuple[ComparedSide, ...]:
    """Return those sides of the payment that exist and were read at least once, our payment first."""
    relations = payment.relations or PaymentRelations()
    sides = compare_payment_sides(payment, relations.order, relations.known_provider_state, now)
    return tuple(side for side in sides if side.there and side.asked is not None)
