"""The work reasons that mean: a person must look at a record because our database, the provider and the order state
different facts about it."""

from collections.abc import Mapping

from console.domain.records import WorkReason

MISMATCH_REASONS_BY_KIND: Mapping[str, frozenset[str]] = {
    "payment": frozenset(
        {
            WorkReason.AMOUNT_DIFFERS,
            WorkReason.CONTRADICTED,
            WorkReason.NOT_MOVED,
            WorkReason.OTHER_PAYMENT,
            WorkReason.PAID_AFTER_CANCEL,
            WorkReason.PAID_TWICE,
            WorkReason.REVERSED,
            WorkReason.UNRECORDED_REFUND,
            WorkReason.RECONCILE_AMOUNT,
            WorkReason.RECONCILE_MISSING_THERE,
            WorkReason.RECONCILE_STATE,
            WorkReason.RECONCILE_UNRECORDED_REFUND,
        }
    ),
    "order": frozenset(
        {WorkReason.NOT_MOVED, WorkReason.PAID_AFTER_CANCEL, WorkReason.PAID_LATE, WorkReason.PAID_WITHOUT_PAYMENT}
    ),
    "refund": frozenset({WorkReason.ANSWER_DOES_NOT_FIT, WorkReason.CONTRADICTED}),
    "credit-check": frozenset({WorkReason.CONTRADICTED}),
}
"""By kind of record: the reasons of work for which a person must look at a record because its sides disagree. The
derived column `disagrees` of each table has the same reasons.
"""
