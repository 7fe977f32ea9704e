"""SQL of the derived column `disagrees`: 1 for a record whose sides disagree, otherwise NULL. The sides are our
record, the provider's last answer or notice, a reconciliation, and the order. The queue `disagree` contains the
records with 1.
"""

from console.domain.queues.mismatch_reasons import MISMATCH_REASONS_BY_KIND
from console.domain.records import WorkReason


def _make_needs_review_sql(kind: str) -> str:
    """Return SQL that is true for a record of this kind whose work says that a person must look, because its sides
    disagree."""
    reasons = ", ".join(f"'{reason}'" for reason in sorted(MISMATCH_REASONS_BY_KIND[kind]))
    return f"work_state = 'needs_review' AND work_reason IN ({reasons})"


def _make_one_or_null_sql(condition_sql: str) -> str:
    return f"CASE WHEN {condition_sql} THEN 1 END"


ORDER_MISMATCH_SQL = _make_one_or_null_sql(_make_needs_review_sql("order"))
REFUND_MISMATCH_SQL = _make_one_or_null_sql(_make_needs_review_sql("refund"))
CREDIT_CHECK_MISMATCH_SQL = _make_one_or_null_sql(_make_needs_review_sql("credit-check"))
_PAYMENT_AMOUNT_MINOR_SQL = "CASE WHEN captured_minor <> 0 THEN captured_minor ELSE asked_minor END"
PAYMENT_MISMATCH_SQL = _make_one_or_null_sql(
    f"({_make_needs_review_sql('payment')}) OR (work_state = 'scheduled' AND work_reason = '{WorkReason.MOVE_ORDER}')"
    f" OR (told_at IS NOT NULL AND (provider_minor <> {_PAYMENT_AMOUNT_MINOR_SQL}"
    " OR provider_refunded_minor <> refunded_minor))"
)
"""SQL of the column `disagrees` of payments. The value is also 1 while the program still has to change the state
of the payment's order, and if the payment's amounts differ from those that the provider stated last. Without a
statement of the provider (`told_at` is NULL) the amounts aren't compared.
"""
