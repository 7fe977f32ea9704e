"""The reasons of work for which a person must look at a record because its sides disagree."""

from collections.abc import Mapping

from console.domain.records import WorkReason

_W = WorkReason
REASONS_BY_KIND: Mapping[str, frozenset[str]] = {
    "payment": frozenset(
        {
            _W.AMOUNT_DIFFERS,
            _W.CONTRADICTED,
            _W.NOT_MOVED,
            _W.OTHER_PAYMENT,
            _W.PAID_AFTER_CANCEL,
            _W.PAID_TWICE,
            _W.REVERSED,
            _W.UNKNOWN_REFUND,
            _W.RECONCILE_AMOUNT,
            _W.RECONCILE_MISSING_THERE,
            _W.RECONCILE_STATE,
            _W.RECONCILE_UNKNOWN_REFUND,
        }
    ),
    "order": frozenset({_W.NOT_MOVED, _W.PAID_AFTER_CANCEL, _W.PAID_LATE, _W.PAID_WITHOUT_PAYMENT}),
    "refund": frozenset({_W.ANSWER_DOES_NOT_FIT, _W.CONTRADICTED}),
    "credit-check": frozenset({_W.CONTRADICTED}),
}
"""By kind of record: the reasons of work for which a person must look at a record because its sides disagree. The
derived column `disagrees` of each table has the same reasons.
"""
