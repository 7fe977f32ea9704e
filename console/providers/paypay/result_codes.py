"""PayPay's result codes and states: the class and reason of the outcome for each call, HTTP status and result
code.
"""

from collections.abc import Mapping
from enum import StrEnum

from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import OutcomeClass
from console.providers.payments.result_codes import (
    ACCEPTED_VERDICT,
    NOT_FOUND_VERDICT,
    NOT_PAID_YET_REASON,
    SUCCEEDED_VERDICT,
    UNLISTED_CODE_VERDICT,
    CodeVerdict,
    PaymentCodeMeaning,
    make_auth_verdict,
    make_failed_verdict,
    make_pending_verdict,
    make_rate_limited_verdict,
    make_unknown_verdict,
)


class PayPayCall(StrEnum):
    """The calls to PayPay that the adapter makes. The meaning of a result code depends on the call."""

    CREATE_CODE = "create code"
    DELETE_CODE = "delete code"
    PAYMENT = "payment details"
    CANCEL = "cancel"
    REFUND = "refund"
    REFUND_STATUS = "refund details"


PAYPAY_READING_CALLS = frozenset({PayPayCall.PAYMENT, PayPayCall.REFUND_STATUS})
SUCCESSFUL_CODES_BY_CALL: Mapping[PayPayCall, frozenset[tuple[int, str]]] = {
    PayPayCall.CREATE_CODE: frozenset({(201, "SUCCESS"), (200, "SUCCESS")}),
    PayPayCall.DELETE_CODE: frozenset({(200, "SUCCESS")}),
    PayPayCall.PAYMENT: frozenset({(200, "SUCCESS")}),
    PayPayCall.CANCEL: frozenset(),
    PayPayCall.REFUND: frozenset({(200, "SUCCESS"), (201, "SUCCESS")}),
    PayPayCall.REFUND_STATUS: frozenset({(200, "SUCCESS")}),
}
"""HTTP status and result code of successful answers, by call. The data of such an answer decides the outcome."""

_CODES_OF_SUCCESS = frozenset({"SUCCESS", "REQUEST_ACCEPTED"})
CONTENT_FIELDS_BY_CALL: Mapping[PayPayCall, frozenset[str]] = {
    PayPayCall.CREATE_CODE: frozenset({"codeId", "deeplink"}),
    PayPayCall.DELETE_CODE: frozenset({"paymentId"}),
    PayPayCall.PAYMENT: frozenset({"paymentId", "status"}),
    PayPayCall.REFUND: frozenset({"merchantRefundId"}),
    PayPayCall.REFUND_STATUS: frozenset({"status"}),
}
"""Names of the answer's fields that have a value only if the object of the call exists at PayPay: the code, the
payment (for DELETE_CODE, the payment by the code) or the refund. The ids that a request to read contains aren't
listed, because the answer may repeat them.
"""

VERDICTS_OF_ALL_CALLS: Mapping[tuple[int, str], CodeVerdict] = {
    (202, "REQUEST_ACCEPTED"): ACCEPTED_VERDICT,
    (400, "INVALID_REQUEST_PARAMS"): make_failed_verdict("bad_request"),
    (400, "MISSING_REQUEST_PARAMS"): make_failed_verdict("bad_request"),
    (400, "INVALID_PARAMS"): make_failed_verdict("bad_request"),
    (401, "UNAUTHORIZED"): make_auth_verdict("credentials_refused"),
    (401, "OP_OUT_OF_SCOPE"): make_auth_verdict("out_of_contract"),
    (404, "OPA_CLIENT_NOT_FOUND"): make_auth_verdict("merchant_refused"),
    (429, "RATE_LIMIT"): make_rate_limited_verdict("rate_limited"),
    (500, "SERVICE_ERROR"): make_unknown_verdict("provider_error"),
    (500, "INTERNAL_SERVER_ERROR"): make_unknown_verdict("provider_error"),
    (500, "TRANSACTION_FAILED"): make_failed_verdict("transaction_failed"),
    (503, "MAINTENANCE_MODE"): make_unknown_verdict("provider_maintenance"),
}
"""Class and reason of the outcome by HTTP status and result code, for answers that aren't listed in
VERDICTS_BY_CALL_AND_CODE. For a refused read see `_convert_verdict_for_read`.
"""

VERDICTS_BY_CALL_AND_CODE: Mapping[tuple[PayPayCall, int, str], CodeVerdict] = {
    (PayPayCall.REFUND, 400, "UNACCEPTABLE_OP"): make_failed_verdict("not_refundable"),
    (PayPayCall.REFUND, 400, "CANCELED_USER"): make_failed_verdict("payer_left"),
    (PayPayCall.REFUND, 400, "THROTTLED_MULTIPLE_REFUND_REJECTED"): make_rate_limited_verdict(
        "similar_refund_running"
    ),
    (PayPayCall.REFUND, 400, "REFUND_LIMIT_EXCEEDED"): make_failed_verdict("refund_count_exceeded"),
    (PayPayCall.REFUND, 400, "REFUND_WINDOW_EXCEED"): make_failed_verdict("refund_window_over"),
    (PayPayCall.REFUND, 400, "ORDER_NO_LONGER_AVAILABLE"): make_failed_verdict("order_no_longer_kept"),
    (PayPayCall.REFUND, 401, "USER_STATE_IS_NOT_ACTIVE"): make_failed_verdict("payer_inactive"),
    (PayPayCall.REFUND, 403, "MERCHANT_MULTIPLE_REFUND_REJECTED"): make_failed_verdict(
        "repeated_refunds_not_contracted"
    ),
    (PayPayCall.REFUND, 404, "RESOURCE_NOT_FOUND"): make_failed_verdict("no_such_payment"),
    (PayPayCall.REFUND, 404, "NO_SUCH_REFUND_ORDER"): make_failed_verdict("no_such_payment"),
    (PayPayCall.REFUND_STATUS, 404, "NO_SUCH_REFUND_ORDER"): NOT_FOUND_VERDICT,
    (PayPayCall.REFUND_STATUS, 400, "ORDER_NO_LONGER_AVAILABLE"): make_unknown_verdict("order_no_longer_kept"),
    (PayPayCall.PAYMENT, 400, "DYNAMIC_QR_PAYMENT_NOT_FOUND"): NOT_FOUND_VERDICT,
    (PayPayCall.PAYMENT, 400, "DYNAMIC_QR_BAD_REQUEST"): make_unknown_verdict("bad_question"),
    (PayPayCall.PAYMENT, 400, "ORDER_NO_LONGER_AVAILABLE"): make_unknown_verdict("order_no_longer_kept"),
    (PayPayCall.CANCEL, 400, "ORDER_NOT_REVERSIBLE"): make_failed_verdict("not_reversible"),
    (PayPayCall.CANCEL, 400, "ORDER_NO_LONGER_AVAILABLE"): make_failed_verdict("order_no_longer_kept"),
    # An earlier attempt has created the code: its details show the state.
    (PayPayCall.CREATE_CODE, 400, "DUPLICATE_DYNAMIC_QR_REQUEST"): make_unknown_verdict("code_exists"),
    (PayPayCall.CREATE_CODE, 400, "PRE_AUTH_CAPTURE_UNSUPPORTED_MERCHANT"): make_failed_verdict("out_of_contract"),
    (PayPayCall.CREATE_CODE, 400, "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE"): make_failed_verdict("bad_request"),
    (PayPayCall.CREATE_CODE, 400, "DYNAMIC_QR_BAD_REQUEST"): make_failed_verdict("bad_request"),
    (PayPayCall.DELETE_CODE, 400, "DYNAMIC_QR_ALREADY_PAID"): make_failed_verdict("already_paid"),
    (PayPayCall.DELETE_CODE, 404, "DYNAMIC_QR_NOT_FOUND"): make_failed_verdict("no_such_code"),
}
"""Class and reason of the outcome by call, HTTP status and result code. An entry takes precedence over the entry in
VERDICTS_OF_ALL_CALLS.
"""


def find_code_verdict(call: PayPayCall, status: int, code: str) -> CodeVerdict:
    """Return class and reason of the outcome of an answer to `call`, by the answer's HTTP status and result code.
    Don't call the function for a status and code in SUCCESSFUL_CODES_BY_CALL: the data of such an answer decides.

    For a code that isn't listed in this module, the class is NOT_FOUND if the call is PAYMENT and the status 404,
    unless the code means a success; otherwise it is UNKNOWN.
    """
    if call_verdict := VERDICTS_BY_CALL_AND_CODE.get((call, status, code)):
        return call_verdict
    common_verdict = VERDICTS_OF_ALL_CALLS.get((status, code))
    if common_verdict and call in PAYPAY_READING_CALLS:
        return _convert_verdict_for_read(common_verdict)
    if common_verdict:
        return common_verdict
    if call is PayPayCall.PAYMENT and status == 404 and code not in _CODES_OF_SUCCESS:
        return NOT_FOUND_VERDICT
    return make_unknown_verdict(f"http_{status}") if status >= 500 else UNLISTED_CODE_VERDICT


def _convert_verdict_for_read(common_verdict: CodeVerdict) -> CodeVerdict:
    """Return the verdict of a read for `common_verdict`, an entry of VERDICTS_OF_ALL_CALLS. FAILED_DEFINITE and
    ACCEPTED_VERDICT become UNKNOWN: in an answer to a read they are about the read request, and not about the payment
    or refund. Any other verdict is returned unchanged.
    """
    if common_verdict.kind is OutcomeClass.FAILED_DEFINITE:
        return make_unknown_verdict("bad_question" if common_verdict.reason == "bad_request" else "provider_error")
    return UNLISTED_CODE_VERDICT if common_verdict is ACCEPTED_VERDICT else common_verdict


_NOT_PAID_YET_VERDICT = make_pending_verdict(NOT_PAID_YET_REASON)
_NOT_CAPTURED_VERDICT = make_pending_verdict("not_captured")

PAYMENT_STATE_MEANINGS: Mapping[str, PaymentCodeMeaning] = {
    "CREATED": PaymentCodeMeaning(_NOT_PAID_YET_VERDICT, PaymentState.USER_PAYMENT, is_final=False),
    "AUTHORIZED": PaymentCodeMeaning(_NOT_CAPTURED_VERDICT, PaymentState.USER_PAYMENT, is_final=False),
    "REAUTHORIZING": PaymentCodeMeaning(_NOT_CAPTURED_VERDICT, PaymentState.USER_PAYMENT, is_final=False),
    "COMPLETED": PaymentCodeMeaning(SUCCEEDED_VERDICT, PaymentState.PAYMENT_SUCCESS, is_final=True),
    "REFUNDED": PaymentCodeMeaning(SUCCEEDED_VERDICT, PaymentState.PAYMENT_SUCCESS, is_final=True),
    "FAILED": PaymentCodeMeaning(make_failed_verdict("payment_failed"), PaymentState.PAYMENT_FAILED, is_final=True),
    "CANCELED": PaymentCodeMeaning(
        make_failed_verdict("payment_cancelled"), PaymentState.PAYMENT_FAILED, is_final=True
    ),
    "EXPIRED": PaymentCodeMeaning(make_failed_verdict("payment_expired"), PaymentState.EXPIRED, is_final=True),
}
"""Meaning of each state that PayPay reports for a payment."""

REFUND_STATE_MEANINGS: Mapping[str, tuple[CodeVerdict, RefundState]] = {
    "CREATED": (ACCEPTED_VERDICT, RefundState.SUBMITTED),
    "REFUND_FAILED": (ACCEPTED_VERDICT, RefundState.SUBMITTED),
    "REFUNDED": (SUCCEEDED_VERDICT, RefundState.COMPLETED),
}
"""Outcome and our state of the refund, by the state that PayPay reports for it. REFUND_FAILED isn't final: PayPay
repeats the refund until it succeeds.
"""
