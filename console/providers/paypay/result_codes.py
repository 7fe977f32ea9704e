"""PayPay's result codes and states: (call, HTTP status, code) to class and reason, one row each."""

from collections.abc import Mapping
from enum import StrEnum

from console.domain.outcomes import OutcomeClass
from console.domain.payment_records import PaymentState, RefundState
from console.providers.payment_verdicts import (
    ACCEPTED,
    ANSWERED,
    NOT_FOUND,
    UNLISTED,
    PaymentRow,
    Verdict,
    denied,
    pending,
    refused,
    too_fast,
    unknown,
)


class Call(StrEnum):
    """What was asked of PayPay."""

    CREATE_CODE = "create code"
    DELETE_CODE = "delete code"
    PAYMENT = "payment details"
    CANCEL = "cancel"
    REFUND = "refund"
    REFUND_STATUS = "refund details"


READS = frozenset({Call.PAYMENT, Call.REFUND_STATUS})
SUCCESS: Mapping[Call, frozenset[tuple[int, str]]] = {
    Call.CREATE_CODE: frozenset({(201, "SUCCESS"), (200, "SUCCESS")}),
    Call.DELETE_CODE: frozenset({(200, "SUCCESS")}),
    Call.PAYMENT: frozenset({(200, "SUCCESS")}),
    Call.CANCEL: frozenset(),
    Call.REFUND: frozenset({(200, "SUCCESS"), (201, "SUCCESS")}),
    Call.REFUND_STATUS: frozenset({(200, "SUCCESS")}),
}
"""Answers whose data decide."""

# For every call that no row below names. On a read a definite refusal has taught nothing: see `verdict`.
COMMON: Mapping[tuple[int, str], Verdict] = {
    (202, "REQUEST_ACCEPTED"): ACCEPTED,
    (400, "INVALID_REQUEST_PARAMS"): refused("bad_request"),
    (400, "MISSING_REQUEST_PARAMS"): refused("bad_request"),
    (400, "INVALID_PARAMS"): refused("bad_request"),
    (401, "UNAUTHORIZED"): denied("credentials_refused"),
    (401, "OP_OUT_OF_SCOPE"): denied("out_of_contract"),
    (404, "OPA_CLIENT_NOT_FOUND"): denied("merchant_refused"),
    (429, "RATE_LIMIT"): too_fast("rate_limited"),
    (500, "SERVICE_ERROR"): unknown("provider_error"),
    (500, "INTERNAL_SERVER_ERROR"): unknown("provider_error"),
    (500, "TRANSACTION_FAILED"): refused("transaction_failed"),
    (503, "MAINTENANCE_MODE"): unknown("provider_maintenance"),
}

OWN: Mapping[tuple[Call, int, str], Verdict] = {
    (Call.REFUND, 400, "UNACCEPTABLE_OP"): refused("not_refundable"),
    (Call.REFUND, 400, "CANCELED_USER"): refused("payer_left"),
    (Call.REFUND, 400, "THROTTLED_MULTIPLE_REFUND_REJECTED"): too_fast("similar_refund_running"),
    (Call.REFUND, 400, "REFUND_LIMIT_EXCEEDED"): refused("refund_count_exceeded"),
    (Call.REFUND, 400, "REFUND_WINDOW_EXCEED"): refused("refund_window_over"),
    (Call.REFUND, 400, "ORDER_NO_LONGER_AVAILABLE"): refused("order_no_longer_kept"),
    (Call.REFUND, 401, "USER_STATE_IS_NOT_ACTIVE"): refused("payer_inactive"),
    (Call.REFUND, 403, "MERCHANT_MULTIPLE_REFUND_REJECTED"): refused("repeated_refunds_not_contracted"),
    (Call.REFUND, 404, "RESOURCE_NOT_FOUND"): refused("no_such_payment"),
    (Call.REFUND, 404, "NO_SUCH_REFUND_ORDER"): refused("no_such_payment"),
    (Call.REFUND_STATUS, 404, "NO_SUCH_REFUND_ORDER"): NOT_FOUND,
    (Call.REFUND_STATUS, 400, "ORDER_NO_LONGER_AVAILABLE"): unknown("order_no_longer_kept"),
    (Call.PAYMENT, 400, "DYNAMIC_QR_PAYMENT_NOT_FOUND"): NOT_FOUND,
    (Call.PAYMENT, 400, "DYNAMIC_QR_BAD_REQUEST"): unknown("bad_question"),
    (Call.PAYMENT, 400, "ORDER_NO_LONGER_AVAILABLE"): unknown("order_no_longer_kept"),
    (Call.CANCEL, 400, "ORDER_NOT_REVERSIBLE"): refused("not_reversible"),
    (Call.CANCEL, 400, "ORDER_NO_LONGER_AVAILABLE"): refused("order_no_longer_kept"),
    # The code is there already, by an earlier attempt: its details tell how it stands.
    (Call.CREATE_CODE, 400, "DUPLICATE_DYNAMIC_QR_REQUEST"): unknown("code_exists"),
    (Call.CREATE_CODE, 400, "PRE_AUTH_CAPTURE_UNSUPPORTED_MERCHANT"): refused("out_of_contract"),
    (Call.CREATE_CODE, 400, "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE"): refused("bad_request"),
    (Call.CREATE_CODE, 400, "DYNAMIC_QR_BAD_REQUEST"): refused("bad_request"),
    (Call.DELETE_CODE, 400, "DYNAMIC_QR_ALREADY_PAID"): refused("already_paid"),
    (Call.DELETE_CODE, 404, "DYNAMIC_QR_NOT_FOUND"): refused("no_such_code"),
}


def verdict(call: Call, status: int, code: str) -> Verdict:
    """The row of an answer whose code could be read and that is none of SUCCESS; unlisted ones are UNKNOWN."""
    if own := OWN.get((call, status, code)):
        return own
    common = COMMON.get((status, code))
    if common and call in READS:
        return _of_a_read(common)
    if common:
        return common
    if call is Call.PAYMENT and status == 404:
        return NOT_FOUND
    return unknown(f"http_{status}") if status >= 500 else UNLISTED


def _of_a_read(common: Verdict) -> Verdict:
    """A question that was refused, or taken for something else, says nothing about the thing asked for."""
    if common.kind is OutcomeClass.FAILED_DEFINITE:
        return unknown("bad_question" if common.reason == "bad_request" else "provider_error")
    return UNLISTED if common is ACCEPTED else common


_PAYER_PAYS = pending("not_paid_yet")

PAYMENT_STATES: Mapping[str, PaymentRow] = {
    "CREATED": PaymentRow(_PAYER_PAYS, PaymentState.USER_PAYMENT, final=False),
    "AUTHORIZED": PaymentRow(_PAYER_PAYS, PaymentState.USER_PAYMENT, final=False),
    "REAUTHORIZING": PaymentRow(_PAYER_PAYS, PaymentState.USER_PAYMENT, final=False),
    "COMPLETED": PaymentRow(ANSWERED, PaymentState.PAYMENT_SUCCESS, final=True),
    "REFUNDED": PaymentRow(ANSWERED, PaymentState.PAYMENT_SUCCESS, final=True),
    "FAILED": PaymentRow(refused("payment_failed"), PaymentState.PAYMENT_FAILED, final=True),
    "CANCELED": PaymentRow(refused("payment_cancelled"), PaymentState.PAYMENT_FAILED, final=True),
    "EXPIRED": PaymentRow(refused("payment_expired"), PaymentState.EXPIRED, final=True),
}

# REFUND_FAILED is passing: PayPay tries again by itself until the refund is through.
REFUND_STATES: Mapping[str, tuple[Verdict, RefundState]] = {
    "CREATED": (ACCEPTED, RefundState.SUBMITTED),
    "REFUND_FAILED": (ACCEPTED, RefundState.SUBMITTED),
    "REFUNDED": (ANSWERED, RefundState.COMPLETED),
}
