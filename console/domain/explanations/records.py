"""Explain a record of any kind. Every list, screen, alert and text that shows a record uses this explanation."""

from datetime import datetime
from typing import TYPE_CHECKING

from console.domain.explained_state import Explanation
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.records import CreditCheck

if TYPE_CHECKING:  # imported for types only: a list of credit checks doesn't need them
    from console.domain.payments.records import Order, Payment, Refund

SECOND_PERSON_STEPS = frozenset(
    f"next.{name}"
    for name in (
        "second_person",
        "second_person_missing",
        "payment_second_person",
        "refund_second_person",
    )
)
"""Wording keys of the next steps that only a second person can do: decide about an outcome that somebody has
proposed.
"""


def explain_record(record: "CreditCheck | Order | Payment | Refund", now: datetime) -> Explanation:
    """Return verdict, reason, next step and badges of a record at the instant `now`."""
    if isinstance(record, CreditCheck):
        return explain_credit_check(record, now)
    # imported late, because a list of credit checks doesn't need this module
    from console.domain.explanations import payments
    from console.domain.payments.records import Order, Payment

    if isinstance(record, Order):
        return payments.explain_order(record, now)
    if isinstance(record, Payment):
        return payments.explain_payment(record, now)
    return payments.explain_refund(record, now)
