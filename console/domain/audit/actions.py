"""Names of the actions that the audit trail records."""

from enum import StrEnum


class AuditAction(StrEnum):
    """Action of an audit entry, stored in the column `what`. The values are fixed, because databases, hash chains and
    evidence packs contain them. The catalogue of wordings has a sentence `timeline.<value>` for each. A value with a
    verb in its past form, such as `refund.approved`, names an act that was done. With the base form
    (`refund.approve`), an entry usually reports that the program refused the act. A guarded action also writes audit
    entries with the actions `<action>.started` and `<action>.lapsed`.

    `AuditAction(text)` accepts any text, also one that isn't declared here. For example, another version of the
    program may have begun an operation whose action this version doesn't declare.
    """

    CREDIT_CHECK_ADOPTED = "credit-check.adopted"
    CREDIT_CHECK_BOUGHT = "credit-check.bought"
    CREDIT_CHECK_CONTRADICTED = "credit-check.contradicted"
    CREDIT_CHECK_DETAIL_FAILED = "credit-check.detail_failed"
    CREDIT_CHECK_DETAIL_STORED = "credit-check.detail_stored"
    CREDIT_CHECK_INCOMPLETE_ACCEPTED = "credit-check.incomplete_accepted"
    CREDIT_CHECK_LATE_ANSWER = "credit-check.late_answer"
    CREDIT_CHECK_NOT_BOUGHT = "credit-check.not_bought"
    CREDIT_CHECK_OPENED = "credit-check.opened"
    CREDIT_CHECK_PDF_FAILED = "credit-check.pdf_failed"
    CREDIT_CHECK_PDF_READ = "credit-check.pdf_read"
    CREDIT_CHECK_PDF_PRINTED = "credit-check.pdf_printed"
    CREDIT_CHECK_PDF_SAVED = "credit-check.pdf_saved"
    CREDIT_CHECK_PDF_STORED = "credit-check.pdf_stored"
    CREDIT_CHECK_PROBE = "credit-check.probe"
    CREDIT_CHECK_PROBED = "credit-check.probed"
    CREDIT_CHECK_PURCHASE = "credit-check.purchase"
    CREDIT_CHECK_PURCHASE_LAPSED = "credit-check.purchase.lapsed"
    CREDIT_CHECK_PURCHASE_STARTED = "credit-check.purchase.started"
    CREDIT_CHECK_REFETCH = "credit-check.refetch"
    CREDIT_CHECK_REFETCH_LAPSED = "credit-check.refetch.lapsed"
    CREDIT_CHECK_REFETCH_STARTED = "credit-check.refetch.started"
    CREDIT_CHECK_RESOLVE = "credit-check.resolve"
    CREDIT_CHECK_RESOLVE_PROPOSED = "credit-check.resolve_proposed"
    CREDIT_CHECK_RESTORED = "credit-check.restored"
    """The renewal of the credit check was not bought, so the credit check has its claim again."""
    CREDIT_CHECK_SUPERSEDED = "credit-check.superseded"
    CREDIT_CHECK_UNKNOWN = "credit-check.unknown"

    PAYMENT_AMOUNT_DIFFERS = "payment.amount_differs"
    PAYMENT_BEGUN = "payment.begun"
    """The provider has created a code or token, so that the payer can pay."""
    PAYMENT_BOOKED = "payment.booked"
    PAYMENT_CALLBACK_REFUSED = "payment.callback_refused"
    PAYMENT_CONTRADICTED = "payment.contradicted"
    PAYMENT_EXPIRED = "payment.expired"
    PAYMENT_EXPIRY_UNDONE = "payment.expiry_undone"
    """The payment was paid after it had expired. Its order is not cancelled."""
    PAYMENT_IMPORT = "payment.import"
    """A person has tried to import a payment and was refused."""
    PAYMENT_IMPORTED = "payment.imported"
    PAYMENT_LATE_ANSWER = "payment.late_answer"
    PAYMENT_MOVE_ORDER = "payment.move_order"
    """A person has requested that the payment's order is set to paid and was refused."""
    PAYMENT_MOVED = "payment.moved"
    """A provider's report has changed the payment's state."""
    PAYMENT_NOT_BEGUN = "payment.not_begun"
    PAYMENT_NOT_MOVED = "payment.not_moved"
    """The payment's order could not be set to paid. A case was opened."""
    PAYMENT_NOTICE_UNMATCHED = "payment.notice_unmatched"
    PAYMENT_OPENED = "payment.opened"
    PAYMENT_OTHER_PAYMENT = "payment.other_payment"
    """The provider's id in a report belongs to another payment of ours. A case was opened."""
    PAYMENT_PAID_AFTER_CANCEL = "payment.paid_after_cancel"
    PAYMENT_PAID_TWICE = "payment.paid_twice"
    PAYMENT_PROBE = "payment.probe"
    PAYMENT_PROBED = "payment.probed"
    PAYMENT_RECONCILE = "payment.reconcile"
    """A person has requested a reconciliation and was refused."""
    PAYMENT_RECONCILE_AMOUNT = "payment.reconcile_amount"
    PAYMENT_RECONCILE_MISSING_THERE = "payment.reconcile_missing_there"
    """The provider's history lacks the payment. A case was opened."""
    PAYMENT_RECONCILE_STATE = "payment.reconcile_state"
    PAYMENT_RECONCILE_UNKNOWN_REFUND = "payment.reconcile_unknown_refund"
    """The provider's history has an unrecorded refund. A case was opened."""
    PAYMENT_RECONCILED = "payment.reconciled"
    """The provider's history agrees with the payment again. The cases of the reconciliation were closed."""
    PAYMENT_RESOLVE = "payment.resolve"
    PAYMENT_RESOLVE_PROPOSED = "payment.resolve_proposed"
    PAYMENT_REVERSED = "payment.reversed"
    PAYMENT_SET_ASIDE = "payment.set_aside"
    PAYMENT_START = "payment.start"
    PAYMENT_START_LAPSED = "payment.start.lapsed"
    PAYMENT_START_STARTED = "payment.start.started"
    PAYMENT_TIME_NOT_TAKEN = "payment.time_not_taken"
    """The time of payment in a provider's report can't be right. The console has stored the time of the report
    instead.
    """
    PAYMENT_TIMEOUT_RESUMED = "payment.timeout_resumed"
    """The program has continued the saga that ends a payment whose time limit has passed."""
    PAYMENT_TIMEOUT_STUCK = "payment.timeout_stuck"
    """A step of the saga that ends an overdue payment failed. A case was opened."""
    PAYMENT_UNKNOWN = "payment.unknown"
    PAYMENT_UNKNOWN_REFUND = "payment.unknown_refund"
    """The provider reports an unrecorded refund. A case was opened."""
    PAYMENT_UNMASK = "payment.unmask"
    """A person has seen, without masks, the payer's name or answers that contain it."""

    DATABASE_RESTORED = "database.restored"

    ORDER_CANCELLED = "order.cancelled"
    ORDER_DIFFERS = "order.differs"
    """A column of the shop's order has another value than the payment; the shop's value stays."""
    ORDER_FILLED = "order.filled"
    """Empty columns of the shop's order were filled from its payment."""
    ORDER_OPENED = "order.opened"
    ORDER_PAID = "order.paid"
    ORDER_PAID_AFTER_CANCEL = "order.paid_after_cancel"
    ORDER_PROBE = "order.probe"
    """A person has tried to probe a payment of the order and was refused."""
    ORDER_REFUNDED = "order.refunded"
    ORDER_RESOLVE = "order.resolve"
    """A person has tried to decide the outcome of an order, which follows its payments, and was refused."""
    ORDER_STOCK_RELEASED = "order.stock_released"

    REFUND_ACCEPTED = "refund.accepted"
    REFUND_APPROVE = "refund.approve"
    REFUND_APPROVED = "refund.approved"
    REFUND_COMPLETED = "refund.completed"
    REFUND_CONTRADICTED = "refund.contradicted"
    REFUND_DID_NOT_HAPPEN = "refund.did_not_happen"
    """The provider has not processed the refund, which is sent again with the same key."""
    REFUND_EXPIRED = "refund.expired"
    REFUND_FAILED = "refund.failed"
    REFUND_HALF_APPROVED = "refund.half_approved"
    """The first of two necessary approvers has approved the refund."""
    REFUND_LATE_ANSWER = "refund.late_answer"
    REFUND_NOT_SENT = "refund.not_sent"
    """The call of the refund was not sent. The refund is approved again, and is sent later with the same key."""
    REFUND_OPENED = "refund.opened"
    REFUND_PROBE = "refund.probe"
    REFUND_PROBED = "refund.probed"
    REFUND_REJECT = "refund.reject"
    REFUND_REJECTED = "refund.rejected"
    REFUND_REQUEST = "refund.request"
    REFUND_REQUESTED = "refund.requested"
    REFUND_RESOLVE = "refund.resolve"
    REFUND_RESOLVE_PROPOSED = "refund.resolve_proposed"
    REFUND_SLOW = "refund.slow"
    """The provider accepted the refund 24 hours ago and has not completed it."""
    REFUND_SUBMIT = "refund.submit"
    REFUND_SUBMIT_LAPSED = "refund.submit.lapsed"
    REFUND_SUBMIT_STARTED = "refund.submit.started"
    REFUND_UNKNOWN = "refund.unknown"
    REFUND_WITHDRAW = "refund.withdraw"
    REFUND_WITHDRAWN = "refund.withdrawn"

    OPERATION_PROBE = "operation.probe"
    OPERATION_PROBED = "operation.probed"
    OPERATION_RESOLVE = "operation.resolve"
    OPERATION_RESOLVE_PROPOSED = "operation.resolve_proposed"
    OPERATION_RESOLVED = "operation.resolved"
    OPERATION_SHOW = "operation.show"
    """A person has tried to open an operation and was refused."""
    OPERATION_UNDELIVERED = "operation.undelivered"
    """The answer in a desk's spool could not be written into the database."""

    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    ALERT_RAISED = "alert.raised"
    ALERT_RESOLVED = "alert.resolved"
    ALERT_UNACKNOWLEDGED = "alert.unacknowledged"

    INCIDENT_HANDED_OVER = "incident.handed_over"
    INCIDENT_RELEASED = "incident.released"
    """A person has given back an incident that this person had taken."""
    INCIDENT_REOPENED = "incident.reopened"
    INCIDENT_RESOLVED = "incident.resolved"
    INCIDENT_SNOOZED = "incident.snoozed"
    INCIDENT_TAKEN = "incident.taken"
    INCIDENT_WOKEN = "incident.woken"
    """A person has ended the snooze of an incident early."""

    VIEW_CHANGED = "view.changed"
    VIEW_DELETED = "view.deleted"
    VIEW_RESTORED = "view.restored"
    """A person has taken back the deletion of a saved view."""
    VIEW_SAVED = "view.saved"

    BULK_BEGUN = "bulk.begun"
    """The execution of a bulk run has begun."""
    BULK_DISCARDED = "bulk.discarded"
    BULK_ENDED = "bulk.ended"
    BULK_EXPORTED = "bulk.exported"
    BULK_FROZEN = "bulk.frozen"
    """A person has stored a bulk run with its fixed list of records."""
    BULK_RUN = "bulk.run"
    """A person has tried to execute a bulk run and was refused."""
    BULK_STOPPED = "bulk.stopped"

    RECONCILIATION_BEGUN = "reconciliation.begun"
    RECONCILIATION_ENDED = "reconciliation.ended"

    MENTION_DONE = "mention.done"
    RECORD_GIVEN_UP = "record.given_up"
    """A person has ended their own take of a record."""
    RECORD_NOTE = "record.note"
    RECORD_PRINTED = "record.printed"
    RECORD_TAKE = "record.take"

    STORY_OPENED = "story.opened"
    """A person has opened the timeline of a record."""

    EVIDENCE_PACK_EXPORTED = "evidence_pack.exported"
    EVIDENCE_BUNDLE_EXPORTED = "evidence_bundle.exported"

    LIST_EXPORTED = "list.exported"
    LIST_PRINTED = "list.printed"
    DAILY_CLOSE_WRITTEN = "daily_close.written"

    AUDIT_EXPORTED = "audit.exported"
    AUDIT_LISTED = "audit.listed"
    AUDIT_ROOT = "audit.root"

    LOCK_HOLDER_ENDED = "lock_holder.ended"
    """A worker has ended a database session whose locks blocked other sessions."""
    LOCK_HOLDER_LOCKED_OUT = "lock_holder.locked_out"
    """A worker has locked a database account whose sessions blocked other sessions repeatedly."""

    LIMIT_CHANGED = "limit.changed"
    LIMIT_PROPOSED = "limit.proposed"
    LIMIT_SET = "limit.set"
    """A person has tried to change a limit of refunds and was refused."""

    MERCHANT_CHANGE = "merchant.change"
    """A person has tried to make the database belong to another merchant and was refused."""
    MERCHANT_CHANGED = "merchant.changed"
    """An administrator has made the database belong to another merchant of a provider."""
    MERCHANT_STORED = "merchant.stored"
    """The merchant of a provider was stored in the database for the first time."""

    READ_ONLY_OFF = "read_only.off"
    READ_ONLY_ON = "read_only.on"
    READ_ONLY_SET = "read_only.set"
    """A person has tried to set a read-only switch and was refused."""

    OPERATOR_ADDED = "operator.added"
    OPERATOR_CHANGED = "operator.changed"
    OPERATOR_DISABLE = "operator.disable"
    """A person has tried to disable somebody and was refused."""
    OPERATOR_DISABLED = "operator.disabled"
    OPERATOR_ENABLE = "operator.enable"
    """A person has tried to enable somebody and was refused."""
    OPERATOR_ENABLED = "operator.enabled"
    """Two administrators have enabled a person; the entry is that of the second one."""
    OPERATOR_ENABLING_REQUESTED = "operator.enabling_requested"
    """An administrator has requested to enable a person. A second administrator must do the same."""
    OPERATOR_LOCKED = "operator.locked"
    """A worker has locked the database account of a disabled person."""
    OPERATOR_SESSION_ENDED = "operator.session_ended"
    """A worker has ended database sessions of a disabled person."""
    OPERATOR_UNLOCKED = "operator.unlocked"
    """A worker has unlocked the database account of a person whom two administrators have enabled."""

    SESSION_CONFIRMED = "session_confirmed"
    """A person was asked for the password that confirms an action, and has typed a wrong one (result refused)."""
    SESSION_CREATED = "session_created"
    """A person has signed in."""
    SESSION_DELETED = "session_deleted"
    """A person has signed out."""
    SESSION_MISSING = "session_missing"
    """A stored password for the sign-in could not be used."""

    REQUEST_GIVEN_UP = "request.given_up"
    """Workers have taken a desk request several times, and none of them could end it."""
    REQUEST_REPEATED = "request.repeated"
    """A call with the request id of an earlier call got the stored answer."""
    REQUEST_UNREADABLE = "request.unreadable"
    """A worker could not read a desk request."""

    TASKS_RUN = "tasks.run"
    """A person has tried to run the due tasks and was refused."""

    TOKEN_AUTHORISE = "token.authorise"  # noqa: S105 - an action
    TOKEN_AUTHORISED = "token.authorised"  # noqa: S105 - an action
    TOKEN_REFRESHED = "token.refreshed"  # noqa: S105 - an action

    LIVE_REFUSED = "live.refused"
    """A program without a valid token tried to read the live feed and was refused."""

    REGISTRY_IMPORT = "registry.import"
    REGISTRY_IMPORTED = "registry.imported"

    DATABASE_ADOPTED = "database.adopted"
    DATABASE_WENT_BACK = "database.went_back"

    @classmethod
    def _missing_(cls, value: object) -> "AuditAction | None":
        """Return an AuditAction for a text that this enumeration doesn't declare; the new object is not a member of
        the enumeration. Return None for a value that isn't a text.
        """
        if not isinstance(value, str):
            return None
        undeclared_action = str.__new__(cls, value)
        undeclared_action._name_ = undeclared_action._value_ = value
        return undeclared_action


_UNKNOWN_OUTCOME_ENDINGS = (".probed", ".lapsed", ".given_up")
"""Ends of the actions whose failure says nothing about the outcome at the provider: a probe without an answer about
the state, an operation whose process ended during the call, and a request that no worker could finish."""


def does_failure_leave_outcome_unknown(action: str, result: str) -> bool:
    """Return True if an audit entry with this action and result (done, refused or failed) says that the outcome is
    unknown. Such an entry must not look like a certain failure on a screen."""
    return result == "failed" and action.endswith(_UNKNOWN_OUTCOME_ENDINGS)
