"""Table of the audit entries which report that a record has entered its present state or certainty. A database of an
older version gets `state_since` from the newest of these entries, and the demo dates its records by them.
"""

from collections.abc import Mapping

from console.domain.audit.actions import AuditAction

_A = AuditAction
_PAID = (_A.PAYMENT_BOOKED, _A.PAYMENT_IMPORTED)
UNKNOWN = "unknown"
"""Key of the actions that report an unknown outcome, whatever the state is."""

ENTERING_ACTIONS: Mapping[str, Mapping[str, tuple[AuditAction, ...]]] = {
    "credit-check": {
        UNKNOWN: (_A.CREDIT_CHECK_UNKNOWN, _A.CREDIT_CHECK_PURCHASE_LAPSED),
        "success": (_A.CREDIT_CHECK_BOUGHT,),
        "error": (_A.CREDIT_CHECK_NOT_BOUGHT,),
    },
    "order": {
        "paid": (_A.ORDER_PAID,),
        "cancelled": (_A.ORDER_CANCELLED,),
        "refunded": (_A.ORDER_REFUNDED,),
    },
    "payment": {
        UNKNOWN: (_A.PAYMENT_UNKNOWN, _A.PAYMENT_START_LAPSED),
        "token_generated": (_A.PAYMENT_BEGUN,),
        "user_payment": (_A.PAYMENT_BEGUN,),
        **dict.fromkeys(("payment_success", "callback_received", "signature_verified", "completed"), _PAID),
        "payment_failed": (_A.PAYMENT_NOT_BEGUN, _A.PAYMENT_MOVED),
        "expired": (_A.PAYMENT_EXPIRED,),
        "reversed": (_A.PAYMENT_REVERSED,),
    },
    "refund": {
        UNKNOWN: (_A.REFUND_UNKNOWN, _A.REFUND_SUBMIT_LAPSED),
        "requested": (_A.REFUND_REQUESTED,),
        "approved": (_A.REFUND_APPROVED, _A.REFUND_DID_NOT_HAPPEN, _A.REFUND_NOT_SENT),
        "rejected": (_A.REFUND_REJECTED,),
        "withdrawn": (_A.REFUND_WITHDRAWN,),
        "expired": (_A.REFUND_EXPIRED,),
        "submitting": (_A.REFUND_SUBMIT_STARTED,),
        "submitted": (_A.REFUND_ACCEPTED,),
        "completed": (_A.REFUND_COMPLETED,),
        "failed": (_A.REFUND_FAILED,),
    },
}
"""For each kind of record and each state, the actions of the audit entries that are written when a record enters the
state. States that are missing here have no such entry.
"""
