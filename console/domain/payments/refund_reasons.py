"""The codes of the reasons for refunds. The module reads no record, so the terminal can list the codes quickly."""

from enum import StrEnum


class RefundReason(StrEnum):
    """Codes of the reason for which a maker requests a refund, such as RETURNED (the goods came back),
    PAID_AFTER_CANCEL (the payment succeeded after the order was cancelled) or SET_ASIDE (the money of a set-aside is
    given back). The catalogue of wordings has a text `refund_reason.<code>` for each.
    """

    ORDERED_TWICE = "ordered_twice"
    RETURNED = "returned"
    NOT_DELIVERED = "not_delivered"
    WRONG_AMOUNT = "wrong_amount"
    PAID_AFTER_CANCEL = "paid_after_cancel"  # house: the reason that a maker gives
    SET_ASIDE = "set_aside"
    OTHER = "other"
