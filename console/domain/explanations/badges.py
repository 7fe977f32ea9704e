"""Badges that belong to an explanation: which verdicts say that the sides disagree, and who does the next step."""

from console.domain.records import Work, WorkReason, WorkState
from console.domain.service_results import Explanation, WorkBadge

DISAGREEING_VERDICTS = frozenset(
    f"verdict.{name}"
    for name in (
        "contradicted",  # house: a verdict
        "order_alert_A",
        "order_alert_A_short",
        "order_alert_B",
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


def find_work_badge(work: Work, explanation: Explanation) -> WorkBadge:
    """Return the badge of work: the stored work state. If none is stored although people may act, a person must."""
    if work.state is WorkState.NONE and explanation.may_act and explanation.next_step.action is not None:
        return WorkBadge.NEEDS_REVIEW
    return WorkBadge(work.state.value)
