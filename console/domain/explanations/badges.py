"""Derive the badges of a record: the badge of its state, and the badge of work (the person or program that does the
next step).

For the badge of certainty, the module only lists the verdicts that state a mismatch between this database, the
provider and the order. A verdict is the wording key of the sentence about a record's state.
"""

from typing import TYPE_CHECKING

from console.domain.explained_state import Explanation, WorkBadge
from console.domain.records import CheckState, CreditCheck, Work, WorkReason, WorkState

if TYPE_CHECKING:  # imported for types only: a list of credit checks doesn't need them
    from console.domain.payments.records import Order, Payment, Refund

INCOMPLETE_BADGE_STATE = "incomplete"
"""State on the badge of a bought credit check with missing parts."""
SUPERSEDED_BADGE_STATE = "superseded"
"""State on the badge of a credit check that a renewal has replaced."""
PARTLY_REFUNDED_BADGE_STATE = "partly_refunded"
"""State on the badge of a payment of which a part was refunded."""
REFUNDED_BADGE_STATE = "refunded"
"""State on the badge of a payment that was refunded in full."""
VERDICTS_OF_MISMATCH = frozenset(
    f"verdict.{name}"
    for name in (
        "contradicted",  # house: a verdict
        "order_alert_A",
        "order_alert_A_short",
        "order_alert_A_currency",
        "order_alert_B",
        "order_alert_B_given_back",
        "order_alert_B_unknown",
        "order_alert_C",
        "order_paid_late",
        "refund_contradicted",
        "payment_not_moved",
        "payment_short",
        "payment_excess",
        "payment_other_currency",
        "payment_sides_differ",
        "payment_paid_after_cancel",
        "payment_amount_differs",
        "payment_contradicted",
        "payment_reversed_there",
        "payment_other_payment",
        "payment_unknown_refund",
        *(f"payment_{reason}" for reason in WorkReason if reason.startswith("reconcile_")),
    )
)
"""Verdicts with which the badge of certainty says that the sides disagree: this database, the provider and the order
have contradictory states or amounts.
"""


NEXT_STEPS_OF_PROGRAM = frozenset(
    f"next.{name}"
    for name in (
        "order_expires",  # house: a next step
        "payment_confirmed_later",
        "payment_moved_by_itself",
        "payment_probe_scheduled",
        "payment_probe_waiting",
        "payment_refund_approved",
        "payment_refund_approved_read_only",
        "payment_refund_expires",
        "payment_refund_probe_scheduled",
        "payment_refund_submitted",
        "payment_refund_submitting",
        "probe_scheduled",
        "refetch_scheduled",
        "refund_after_read_only",
        "refund_after_read_only_cooling_off",
        "refund_cooling_off",
        "refund_expires",
        "refund_poll",
        "refund_probe_scheduled",
        "refund_sent_by_itself",
        "refund_wait",
        "wait_for_answer",
    )
)
"""Next steps that the program does, now or at a later time, without a person: it asks the provider, sends, records an
answer, moves an order to paid, or lets a refund expire."""
NEXT_STEPS_WITH_LATER_SENDING = frozenset(
    f"next.{name}"
    for name in (
        "payment_refund_approved",  # house: a next step
        "payment_refund_approved_read_only",
        "refund_after_read_only",
        "refund_after_read_only_cooling_off",
        "refund_cooling_off",
        "refund_sent_by_itself",
    )
)
"""Codes of the next steps in which the program will send an approved refund: when its cooling-off period ends, when
the next attempt is due, or when read-only is switched off. Until then nothing is sent, and the provider isn't
asked."""
NEXT_STEPS_WITHOUT_PERSON = NEXT_STEPS_OF_PROGRAM | frozenset(
    f"next.{name}"
    for name in (
        "bought_since",
        "nothing",
        "open_successor",
        "order_shop_decides",
        "order_wait",
        "payment_may_begin_again",
        "payment_reversible",
        "payment_wait",
        "read_only",  # house: a next step
        "read_only_provider",
    )
)
"""Next steps that no person at a desk does. The program, the provider, the shop or the customer does them, or nothing
must be done because another record has replaced this one.
"""


def find_work_badge(work: Work, explanation: Explanation) -> WorkBadge:
    """Return the badge of work. Usually it is the stored work state, by which queues are sorted, filtered and
    counted. In three cases it is another badge, because the stored work state would contradict the sentence of the
    next step.

    - If the stored work state isn't NEEDS_REVIEW and the sentence of the next step says that the program will send a
      refund, return WAITING_FOR_SENDING.
    - If the stored work state isn't NEEDS_REVIEW and the sentence of the next step asks a person, return POSSIBLE,
      also if the console has no action for this step (for example "ask your lead").
    - If the stored work state is NONE and the sentence says that the program does the next step, return AUTOMATIC.
    """
    code = explanation.next_step.code
    if work.state is not WorkState.NEEDS_REVIEW and code in NEXT_STEPS_WITH_LATER_SENDING:
        return WorkBadge.WAITING_FOR_SENDING
    if work.state is not WorkState.NEEDS_REVIEW and code not in NEXT_STEPS_WITHOUT_PERSON:
        return WorkBadge.POSSIBLE
    if work.state is WorkState.NONE and code in NEXT_STEPS_OF_PROGRAM:
        return WorkBadge.AUTOMATIC
    return WorkBadge(work.state.value)


def find_state_badge(record: "CreditCheck | Order | Payment | Refund") -> str:
    """Return the key of the badge for the record's state, such as `payment.completed`. A payment with refunds has the
    badge "refunded" or "partly refunded", and a purchased credit check with missing parts has the badge "incomplete".
    All lists and pages use this badge, so that a record has the same badge everywhere.
    """
    if isinstance(record, CreditCheck):
        return _find_credit_check_badge(record)
    # imported late, because a list of credit checks doesn't need these modules
    from console.domain.payments.consistency import is_refunded_in_full
    from console.domain.payments.records import Order, Payment
    from console.domain.payments.states import PAID_STATES

    if isinstance(record, Order):
        return f"order.{record.state.value}"
    if not isinstance(record, Payment):
        return f"refund.{record.state.value}"
    if record.given_back_minor and record.state in PAID_STATES:
        return f"business.{REFUNDED_BADGE_STATE if is_refunded_in_full(record) else PARTLY_REFUNDED_BADGE_STATE}"
    return f"payment.{record.state.value}"


def _find_credit_check_badge(record: CreditCheck) -> str:
    """Return the key of the badge for a credit check's state, such as `credit_check.incomplete`."""
    if record.is_superseded:
        return f"credit_check.{SUPERSEDED_BADGE_STATE}"
    if record.incomplete and record.state is CheckState.SUCCESS:
        return f"credit_check.{INCOMPLETE_BADGE_STATE}"
    return f"credit_check.{record.state.value}"
