"""Reads requests to the simulated PayPay for a code or a refund, and checks them as strictly as PayPay's reference
states.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from console.sandbox.http.messages import HttpRequest, JsonObject
from console.sandbox.paypay.responses import make_result_refusal

MERCHANT_CHOSEN_ID_PATTERN = "[A-Za-z0-9_-]{1,64}"
MAX_AMOUNT_YEN = 10**11
MAX_REFUND_REASON_LENGTH = 255


@dataclass(frozen=True, slots=True)
class PaymentCodeRequest:
    """A request for a payment code. `merchant_payment_id` is the merchant's payment id, `amount_yen` is in yen;
    `details` are further fields of the request that PayPay's answers repeat.
    """

    merchant_payment_id: str
    amount_yen: int
    details: JsonObject


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A request for a refund. `key` is the merchant's refund id, `payment_id` is PayPay's payment id, `amount_yen` is
    in yen, `requested_at` in seconds since 1970.
    """

    key: str
    payment_id: str
    amount_yen: int
    requested_at: int
    reason: str | None


def read_payment_code_request(request: HttpRequest) -> PaymentCodeRequest:
    """Read and check a request for a payment code.

    Raises `RequestRefused` with PayPay's result code for an invalid request.
    """
    body = _read_body(request, "merchantPaymentId", "amount", "codeType", "requestedAt")
    if (
        not _is_merchant_chosen_id(body["merchantPaymentId"])
        or body["codeType"] != "ORDER_QR"
        or not _has_valid_requested_time(body)
    ):
        raise make_result_refusal("INVALID_REQUEST_PARAMS")
    stored_fields = ("codeType", "orderDescription", "requestedAt")
    details = {name: body[name] for name in stored_fields if name in body}
    details["isAuthorization"] = body.get("isAuthorization", False)
    return PaymentCodeRequest(
        body["merchantPaymentId"], _require_yen_amount(body["amount"], "DYNAMIC_QR_BAD_REQUEST"), details
    )


def read_refund_request(request: HttpRequest) -> RefundRequest:
    """Read and check a request for a refund.

    Raises `RequestRefused` with PayPay's result code for an invalid request.
    """
    body = _read_body(request, "merchantRefundId", "paymentId", "amount", "requestedAt")
    reason = body.get("reason")
    is_well_formed = (
        _is_merchant_chosen_id(body["merchantRefundId"])
        and isinstance(body["paymentId"], str)
        and _has_valid_requested_time(body)
        and (reason is None or (isinstance(reason, str) and len(reason) <= MAX_REFUND_REASON_LENGTH))
    )
    if not is_well_formed:
        raise make_result_refusal("INVALID_PARAMS")
    amount = _require_yen_amount(body["amount"], "INVALID_PARAMS", "00200015")
    return RefundRequest(body["merchantRefundId"], body["paymentId"], amount, body["requestedAt"], reason)


def _read_body(request: HttpRequest, *required_fields: str) -> JsonObject:
    """Return the JSON object in the body of a request. Raises `RequestRefused` for any other body, and if one of
    `required_fields` is missing."""
    try:
        json_value = json.loads(request.body)
    except ValueError:
        json_value = None
    if request.read_media_type() != "application/json" or not isinstance(json_value, dict):
        raise make_result_refusal("INVALID_REQUEST_PARAMS")
    if any(json_value.get(name) is None for name in required_fields):
        raise make_result_refusal("MISSING_REQUEST_PARAMS")
    return json_value


def _is_merchant_chosen_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(MERCHANT_CHOSEN_ID_PATTERN, value) is not None


def _has_valid_requested_time(body: JsonObject) -> bool:
    """Return True if the field `requestedAt` is in whole seconds since 1970. A boolean isn't accepted, and a time in
    milliseconds is out of range.
    """
    value = body["requestedAt"]
    return type(value) is int and 0 < value < 10**11


def _require_yen_amount(value: Any, code: str, code_id: str | None = None) -> int:
    """Return the whole yen of `value`, an amount in a request (a JSON object with `amount` and `currency`). Raises
    `RequestRefused` with the result code `code` for any other value; `code_id` replaces the usual number of this
    code, unless it is None."""
    amount = value.get("amount") if isinstance(value, dict) else None
    if type(amount) is not int or not 0 < amount < MAX_AMOUNT_YEN or value.get("currency") != "JPY":
        raise make_result_refusal(code, code_id)
    return amount
