"""Answers of the simulated PayPay: the answer's envelope, the result codes, and the data about codes, payments and
refunds.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from console.sandbox.http.messages import HttpReply, JsonObject, RequestRefused, encode_json
from console.sandbox.payments.ledger import Payment, Refund


@dataclass(frozen=True, slots=True)
class ResultCode:
    """HTTP status, code id and message that belong to one of PayPay's result codes."""

    status: int
    code_id: str
    message: str


RESULT_BY_CODE = {
    "SUCCESS": ResultCode(200, "08100001", "Success"),
    "REQUEST_ACCEPTED": ResultCode(202, "08100001", "Request accepted"),
    "INVALID_REQUEST_PARAMS": ResultCode(400, "08100006", "The information provided by the request is invalid"),
    "MISSING_REQUEST_PARAMS": ResultCode(400, "08100024", "A parameter is missing"),
    "INVALID_PARAMS": ResultCode(400, "00200004", "Invalid parameters received"),
    "UNAUTHORIZED": ResultCode(401, "08100016", "Unauthorized request"),
    "OP_OUT_OF_SCOPE": ResultCode(401, "08100023", "The operation is not permitted"),
    "OPA_CLIENT_NOT_FOUND": ResultCode(404, "08100007", "OPA client not found"),
    "RATE_LIMIT": ResultCode(429, "08100998", "Too many requests"),
    "SERVICE_ERROR": ResultCode(500, "08100026", "Service error"),
    "INTERNAL_SERVER_ERROR": ResultCode(500, "08101000", "Something went wrong on PayPay service side"),
    "TRANSACTION_FAILED": ResultCode(500, "00200002", "Transaction failed"),
    "MAINTENANCE_MODE": ResultCode(503, "08100999", "Sorry, we are down for scheduled maintenance"),
    "UNACCEPTABLE_OP": ResultCode(400, "00200013", "Order cannot be refunded"),
    "CANCELED_USER": ResultCode(400, "01103027", "The user has left"),
    "THROTTLED_MULTIPLE_REFUND_REJECTED": ResultCode(400, "", "A similar refund is in progress"),
    "REFUND_LIMIT_EXCEEDED": ResultCode(400, "", "Too many refunds of this payment"),
    "REFUND_WINDOW_EXCEED": ResultCode(400, "", "Refund window exceeded"),
    "ORDER_NO_LONGER_AVAILABLE": ResultCode(400, "", "The order is not kept any longer"),
    "USER_STATE_IS_NOT_ACTIVE": ResultCode(401, "", "The user is not active"),
    "MERCHANT_MULTIPLE_REFUND_REJECTED": ResultCode(403, "", "Multiple refunds are not in the contract"),
    "RESOURCE_NOT_FOUND": ResultCode(404, "00200001", "Order not found"),
    "NO_SUCH_REFUND_ORDER": ResultCode(404, "00200018", "Refund not found"),
    "DYNAMIC_QR_PAYMENT_NOT_FOUND": ResultCode(400, "01652075", "Dynamic QR payment not found"),
    "DYNAMIC_QR_BAD_REQUEST": ResultCode(400, "01650000", "Dynamic QR bad request"),
    "ORDER_NOT_REVERSIBLE": ResultCode(400, "00200044", "Order cannot be reversed"),
    "DUPLICATE_DYNAMIC_QR_REQUEST": ResultCode(400, "01652073", "Duplicate dynamic QR request"),
    "PRE_AUTH_CAPTURE_UNSUPPORTED_MERCHANT": ResultCode(
        400, "00400060", "Merchant does not support pre-auth capture"
    ),
    "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE": ResultCode(400, "00400061", "The expiry date is out of range"),
    "DYNAMIC_QR_ALREADY_PAID": ResultCode(400, "01652074", "The code is already paid"),
    "DYNAMIC_QR_NOT_FOUND": ResultCode(404, "01652072", "Dynamic QR code not found"),
}
RESULT_OF_UNLISTED_CODE = ResultCode(400, "99999999", "A code that is in no table")


def make_result_reply(
    code: str,
    data: JsonObject | None = None,
    *,
    status: int | None = None,
    code_id: str | None = None,
    ledger_entry_id: int | None = None,
) -> HttpReply:
    """Return an answer with this result code and the contents `data` (None: no contents). Each answer has a new
    `X-REQUEST-ID`. `status` and `code_id` replace the HTTP status and the code id that belong to the result code
    (None: no replacement); `ledger_entry_id` is the id of the ledger entry that the answer reports."""
    listed_result = RESULT_BY_CODE.get(code, RESULT_OF_UNLISTED_CODE)
    result = {
        "code": code,
        "message": listed_result.message,
        "codeId": listed_result.code_id if code_id is None else code_id,
    }
    envelope: JsonObject = {"resultInfo": result, "data": data}
    return HttpReply(
        status or listed_result.status,
        encode_json(envelope),
        headers=(("X-REQUEST-ID", str(uuid.uuid4())),),
        data=envelope,
        ledger_entry_id=ledger_entry_id,
    )


def make_result_refusal(code: str, code_id: str | None = None) -> RequestRefused:
    """Return an exception with an answer that has this result code. `code_id` replaces the code id that belongs to
    the result code (None: no replacement). The caller raises the exception."""
    return RequestRefused(make_result_reply(code, code_id=code_id))


def make_yen_amount(amount: int, currency: str = "JPY") -> JsonObject:
    return {"amount": amount, "currency": currency}


def convert_to_epoch_seconds(at: datetime | None) -> int | None:
    """Return a time as whole seconds since 1970; None if the time is None."""
    return None if at is None else int(at.timestamp())


def make_payment_code_data(payment: Payment) -> JsonObject:
    """Return the data of PayPay's answer to "create code" for this payment."""
    key = payment.details["codeId"].replace("-", "")
    return payment.details | {
        "url": f"https://qr.paypay.example.invalid/{key}",
        "deeplink": f"paypay://payment?link_key={key}",
        "expiryDate": convert_to_epoch_seconds(payment.expires_at),
        "merchantPaymentId": payment.merchant_payment_id,
        "amount": make_yen_amount(payment.amount_minor, payment.currency),
    }


def make_payment_data(payment: Payment) -> JsonObject:
    """Return the data of PayPay's answer to "payment details". For an unpaid code the data contain no ids, even after
    the code has expired.
    """
    if payment.id is None:
        return {"status": "CREATED", "acceptedAt": 0, "requestedAt": 0}
    refunded = payment.is_captured and payment.refunded_minor > 0
    refunds = [make_refund_data(payment, refund) for refund in payment.refunds]
    return {
        "paymentId": payment.id,
        "status": "REFUNDED" if refunded else payment.state,
        "acceptedAt": convert_to_epoch_seconds(payment.captured_at or payment.begun_at),
        "refunds": {"data": refunds} if refunds else None,
        "captures": None,
        "revert": _make_cancellation_data(payment),
        "merchantPaymentId": payment.merchant_payment_id,
        "amount": make_yen_amount(payment.amount_minor, payment.currency),
        "requestedAt": payment.details.get("requestedAt", convert_to_epoch_seconds(payment.created_at)),
        "expiresAt": None,
        "canceledAt": convert_to_epoch_seconds(payment.cancel_requested_at) if payment.state == "CANCELED" else None,
        "storeId": None,
        "terminalId": None,
        "paymentMethods": [{"amount": make_yen_amount(payment.amount_minor, payment.currency), "type": "WALLET"}],
    }


def _make_cancellation_data(payment: Payment) -> JsonObject | None:
    """Return the data about the cancellation of a payment; None if no cancellation was requested."""
    if payment.cancel_requested_at is None:
        return None
    at = convert_to_epoch_seconds(payment.cancel_requested_at)
    return {"acceptedAt": at, "merchantRevertId": payment.merchant_payment_id, "requestedAt": at, "reason": None}


def make_refund_data(payment: Payment, refund: Refund) -> JsonObject:
    """Return the data of PayPay's answers to "refund" and "refund details"."""
    return {
        "status": refund.state,
        "acceptedAt": convert_to_epoch_seconds(refund.accepted_at),
        "merchantRefundId": refund.key,
        "paymentId": payment.id,
        "amount": make_yen_amount(refund.amount_minor, refund.currency),
        "requestedAt": refund.requested_at,
        "reason": refund.reason,
    }
