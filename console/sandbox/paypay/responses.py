"""PayPay's envelope, its table of result codes, and how it tells about codes, payments and refunds."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from console.sandbox.payment_book import Payment, Refund
from console.sandbox.wire import JsonObject, Refused, Reply, encode


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table: HTTP status, code id and message."""

    status: int
    code_id: str
    message: str


RESULTS = {
    "SUCCESS": Result(200, "08100001", "Success"),
    "REQUEST_ACCEPTED": Result(202, "08100001", "Request accepted"),
    "INVALID_REQUEST_PARAMS": Result(400, "08100006", "The information provided by the request is invalid"),
    "MISSING_REQUEST_PARAMS": Result(400, "08100024", "A parameter is missing"),
    "INVALID_PARAMS": Result(400, "00200004", "Invalid parameters received"),
    "UNAUTHORIZED": Result(401, "08100016", "Unauthorized request"),
    "OP_OUT_OF_SCOPE": Result(401, "08100023", "The operation is not permitted"),
    "OPA_CLIENT_NOT_FOUND": Result(404, "08100007", "OPA client not found"),
    "RATE_LIMIT": Result(429, "08100998", "Too many requests"),
    "SERVICE_ERROR": Result(500, "08100026", "Service error"),
    "INTERNAL_SERVER_ERROR": Result(500, "08101000", "Something went wrong on PayPay service side"),
    "TRANSACTION_FAILED": Result(500, "00200002", "Transaction failed"),
    "MAINTENANCE_MODE": Result(503, "08100999", "Sorry, we are down for scheduled maintenance"),
    "UNACCEPTABLE_OP": Result(400, "00200013", "Order cannot be refunded"),
    "CANCELED_USER": Result(400, "01103027", "The user has left"),
    "THROTTLED_MULTIPLE_REFUND_REJECTED": Result(400, "", "A similar refund is in progress"),
    "REFUND_LIMIT_EXCEEDED": Result(400, "", "Too many refunds of this payment"),
    "REFUND_WINDOW_EXCEED": Result(400, "", "Refund window exceeded"),
    "ORDER_NO_LONGER_AVAILABLE": Result(400, "", "The order is not kept any longer"),
    "USER_STATE_IS_NOT_ACTIVE": Result(401, "", "The user is not active"),
    "MERCHANT_MULTIPLE_REFUND_REJECTED": Result(403, "", "Multiple refunds are not in the contract"),
    "RESOURCE_NOT_FOUND": Result(404, "00200001", "Order not found"),
    "NO_SUCH_REFUND_ORDER": Result(404, "00200018", "Refund not found"),
    "DYNAMIC_QR_PAYMENT_NOT_FOUND": Result(400, "01652075", "Dynamic QR payment not found"),
    "DYNAMIC_QR_BAD_REQUEST": Result(400, "01650000", "Dynamic QR bad request"),
    "ORDER_NOT_REVERSIBLE": Result(400, "00200044", "Order cannot be reversed"),
    "DUPLICATE_DYNAMIC_QR_REQUEST": Result(400, "01652073", "Duplicate dynamic QR request"),
    "PRE_AUTH_CAPTURE_UNSUPPORTED_MERCHANT": Result(400, "00400060", "Merchant does not support pre-auth capture"),
    "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE": Result(400, "00400061", "The expiry date is out of range"),
    "DYNAMIC_QR_ALREADY_PAID": Result(400, "01652074", "The code is already paid"),
    "DYNAMIC_QR_NOT_FOUND": Result(404, "01652072", "Dynamic QR code not found"),
}
UNLISTED = Result(400, "99999999", "A code that is in no table")


def result_reply(
    code: str,
    data: JsonObject | None = None,
    *,
    status: int | None = None,
    code_id: str | None = None,
    charge: int | None = None,
) -> Reply:
    """The envelope with one result; every answer has a request id of its own."""
    row = RESULTS.get(code, UNLISTED)
    told = {"code": code, "message": row.message, "codeId": row.code_id if code_id is None else code_id}
    whole: JsonObject = {"resultInfo": told, "data": data}
    return Reply(
        status or row.status, encode(whole), headers=(("X-REQUEST-ID", str(uuid.uuid4())),), data=whole, charge=charge
    )


def refusal(code: str, code_id: str | None = None) -> Refused:
    return Refused(result_reply(code, code_id=code_id))


def yen(amount: int, currency: str = "JPY") -> JsonObject:
    return {"amount": amount, "currency": currency}


def seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def code_data(payment: Payment) -> JsonObject:
    """What `create code` answers."""
    key = payment.details["codeId"].replace("-", "")
    return payment.details | {
        "url": f"https://qr.paypay.example.invalid/{key}",
        "deeplink": f"paypay://payment?link_key={key}",
        "expiryDate": seconds(payment.expires),
        "merchantPaymentId": payment.number,
        "amount": yen(payment.amount_minor, payment.currency),
    }


def payment_data(payment: Payment) -> JsonObject:
    """What `payment details` answers; an unpaid code has no ids, also after it expired."""
    if payment.id is None:
        return {"status": "CREATED", "acceptedAt": 0, "requestedAt": 0}
    refunded = payment.captured and payment.refunded_minor > 0
    refunds = [refund_data(payment, refund) for refund in payment.refunds]
    return {
        "paymentId": payment.id,
        "status": "REFUNDED" if refunded else payment.state,
        "acceptedAt": seconds(payment.ended or payment.begun),
        "refunds": {"data": refunds} if refunds else None,
        "captures": None,
        "revert": _revert(payment),
        "merchantPaymentId": payment.number,
        "amount": yen(payment.amount_minor, payment.currency),
        "requestedAt": payment.details.get("requestedAt", seconds(payment.created)),
        "expiresAt": None,
        "canceledAt": seconds(payment.cancelled) if payment.state == "CANCELED" else None,
        "storeId": None,
        "terminalId": None,
        "paymentMethods": [{"amount": yen(payment.amount_minor, payment.currency), "type": "WALLET"}],
    }


def _revert(payment: Payment) -> JsonObject | None:
    if payment.cancelled is None:
        return None
    at = seconds(payment.cancelled)
    return {"acceptedAt": at, "merchantRevertId": payment.number, "requestedAt": at, "reason": None}


def refund_data(payment: Payment, refund: Refund) -> JsonObject:
    return {
        "status": refund.state,
        "acceptedAt": seconds(refund.at),
        "merchantRefundId": refund.key,
        "paymentId": payment.id,
        "amount": yen(refund.amount_minor, refund.currency),
        "requestedAt": refund.requested_at,
        "reason": refund.reason,
    }
