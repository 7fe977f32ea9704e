"""SQL of the money that a payment has brought in and that no reversal has taken back, for the sums of reports."""

from sqlalchemy import ColumnElement, and_, case, or_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from console.domain.payments.states import PAID_STATES, PaymentState
from console.domain.records import Certainty

PaymentColumns = ReadOnlyColumnCollection[str, ColumnElement[object]]


def make_collected_money_sql(columns: "PaymentColumns") -> tuple[ColumnElement[bool], ColumnElement[int]]:
    """Return two SQL expressions of a payment: the condition that its money counts as collected, and the collected
    amount in minor units. `columns` are the columns of the table of payments or of a subquery of it.

    Of a paid payment the whole captured amount counts. Of a reversed payment only the refunded amount counts: the
    payer's bank took back the rest, and the refund itself is in the sum of refunds. Of a payment with an unknown
    outcome nothing counts.
    """
    is_reversed = columns["status"] == PaymentState.REVERSED.value
    is_paid = columns["status"].in_([str(state) for state in PAID_STATES])
    condition = and_(
        columns["certainty"] == Certainty.KNOWN.value, or_(is_paid, and_(is_reversed, columns["refunded_minor"] > 0))
    )
    return condition, case((is_reversed, columns["refunded_minor"]), else_=columns["captured_minor"])
