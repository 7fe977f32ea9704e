"""What PayPay is asked to create or to refund, read as strictly as its reference says."""

import json
import re
from dataclasses import dataclass
from typing import Any

from console.sandbox.paypay_answers import refusal
from console.sandbox.wire import JsonObject, Request

ID = "[A-Za-z0-9_-]{1,64}"
AMOUNT_LIMIT = 10**11
REASON_LIMIT = 255


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that is asked for; `amount` in yen."""

    number: str
    amount: int
    details: JsonObject


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A refund that is asked for; `amount` in yen."""

    key: str
    payment_id: str
    amount: int
    requested_at: int
    reason: str | None


def read_code(request: Request) -> NewCode:
    """Raises `Refused` with PayPay's words."""
    wanted = _body(request, "merchantPaymentId", "amount", "codeType", "requestedAt")
    if not _is_id(wanted["merchantPaymentId"]) or wanted["codeType"] != "ORDER_QR" or not _epoch(wanted):
        raise refusal("INVALID_REQUEST_PARAMS")
    kept = ("codeType", "orderDescription", "requestedAt")
    details = {name: wanted[name] for name in kept if name in wanted}
    details["isAuthorization"] = wanted.get("isAuthorization", False)
    return NewCode(wanted["merchantPaymentId"], _yen(wanted["amount"], "DYNAMIC_QR_BAD_REQUEST"), details)


def read_refund(request: Request) -> NewRefund:
    """Raises `Refused` with PayPay's words."""
    wanted = _body(request, "merchantRefundId", "paymentId", "amount", "requestedAt")
    reason = wanted.get("reason")
    well_formed = (
        _is_id(wanted["merchantRefundId"])
        and isinstance(wanted["paymentId"], str)
        and _epoch(wanted)
        and (reason is None or (isinstance(reason, str) and len(reason) <= REASON_LIMIT))
    )
    if not well_formed:
        raise refusal("INVALID_PARAMS")
    amount = _yen(wanted["amount"], "INVALID_PARAMS", "00200015")
    return NewRefund(wanted["merchantRefundId"], wanted["paymentId"], amount, wanted["requestedAt"], reason)


def _body(request: Request, *needed: str) -> JsonObject:
    try:
        value = json.loads(request.body)
    except ValueError:
        value = None
    if request.media_type() != "application/json" or not isinstance(value, dict):
        raise refusal("INVALID_REQUEST_PARAMS")
    if any(value.get(name) is None for name in needed):
        raise refusal("MISSING_REQUEST_PARAMS")
    return value


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(ID, value) is not None


def _epoch(wanted: JsonObject) -> bool:
    """Whole seconds; a boolean is no number, and milliseconds are out of range."""
    value = wanted["requestedAt"]
    return type(value) is int and 0 < value < 10**11


def _yen(value: Any, code: str, code_id: str | None = None) -> int:
    amount = value.get("amount") if isinstance(value, dict) else None
    if type(amount) is not int or not 0 < amount < AMOUNT_LIMIT or value.get("currency") != "JPY":
        raise refusal(code, code_id)
    return amount
