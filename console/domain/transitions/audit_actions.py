"""Table of the audit actions which report that a record entered a state, or that its outcome became unknown. When a
database of an older version is upgraded, the column `state_since` of a record gets the time of the newest audit entry
of the record with one of these actions. The demo sets this column of its records in the same way.
"""

from collections.abc import Mapping

from console.domain.audit.actions import AuditAction

_PAYMENT_BOOKED_ACTIONS = (AuditAction.PAYMENT_BOOKED, AuditAction.PAYMENT_IMPORTED)
UNKNOWN_OUTCOME_KEY = "unknown"
"""Key that ACTIONS_BY_ENTERED_STATE has in addition to the states, for the actions that report an unknown outcome of
a record in any state.
"""

ACTIONS_BY_ENTERED_STATE: Mapping[str, Mapping[str, tuple[AuditAction, ...]]] = {
    "credit-check": {
        UNKNOWN_OUTCOME_KEY: (AuditAction.CREDIT_CHECK_UNKNOWN, AuditAction.CREDIT_CHECK_PURCHASE_LAPSED),
        "success": (AuditAction.CREDIT_CHECK_BOUGHT,),
        "error": (AuditAction.CREDIT_CHECK_NOT_BOUGHT,),
    },
    "order": {
        "paid": (AuditAction.ORDER_PAID,),
        "cancelled": (AuditAction.ORDER_CANCELLED,),
        "refunded": (AuditAction.ORDER_REFUNDED,),
    },
    "payment": {
        UNKNOWN_OUTCOME_KEY: (AuditAction.PAYMENT_UNKNOWN, AuditAction.PAYMENT_START_LAPSED),
        "token_generated": (AuditAction.PAYMENT_BEGUN,),
        "user_payment": (AuditAction.PAYMENT_BEGUN,),
        **dict.fromkeys(
            ("payment_success", "callback_received", "signature_verified", "completed"), _PAYMENT_BOOKED_ACTIONS
        ),
        "payment_failed": (AuditAction.PAYMENT_NOT_BEGUN, AuditAction.PAYMENT_MOVED),
        "expired": (AuditAction.PAYMENT_EXPIRED,),
        "reversed": (AuditAction.PAYMENT_REVERSED,),
    },
    "refund": {
        UNKNOWN_OUTCOME_KEY: (AuditAction.REFUND_UNKNOWN, AuditAction.REFUND_SUBMIT_LAPSED),
        "requested": (AuditAction.REFUND_REQUESTED,),
        "approved": (AuditAction.REFUND_APPROVED, AuditAction.REFUND_DID_NOT_HAPPEN, AuditAction.REFUND_NOT_SENT),
        "rejected": (AuditAction.REFUND_REJECTED,),
        "withdrawn": (AuditAction.REFUND_WITHDRAWN,),
        "expired": (AuditAction.REFUND_EXPIRED,),
        "submitting": (AuditAction.REFUND_SUBMIT_STARTED,),
        "submitted": (AuditAction.REFUND_ACCEPTED,),
        "completed": (AuditAction.REFUND_COMPLETED,),
        "failed": (AuditAction.REFUND_FAILED,),
    },
}
"""For each kind of record and each state, the actions of the audit entries that are written when a record enters the
state. States that are missing here have no such entry.
"""
