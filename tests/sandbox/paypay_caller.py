"""A client that calls the simulated PayPay as a merchant does, and signs its requests with the standard library
only.
"""

import base64
import hashlib
import hmac
import json
import time
from itertools import count
from typing import Any

from console.sandbox import Sandbox
from console.sandbox.environment.credentials import PAYPAY_API_KEY, PAYPAY_API_SECRET
from tests.sandbox.caller import Answer, Caller

JSON_CONTENT_TYPE = "application/json;charset=UTF-8"
ORDER_NUMBER = "ORD-20261120-000123"
_nonces = count(1)


def make_authorization(
    method: str, path: str, body: bytes, *, key: str = PAYPAY_API_KEY, secret: str = PAYPAY_API_SECRET,
    nonce: str | None = None, epoch: int | None = None, kind: str = JSON_CONTENT_TYPE,
) -> str:  # fmt: skip
    """Return PayPay's authorization header for a request, computed as PayPay's published description says. By default
    it has a new nonce and the present time `epoch` (Unix seconds). `kind` is the content type of the body.
    """
    nonce = nonce or f"n{next(_nonces)}-{time.monotonic_ns()}"
    epoch = int(time.time()) if epoch is None else epoch
    hashed = base64.b64encode(hashlib.md5(kind.encode() + body).digest()).decode() if body else "empty"
    text = f"{path}\n{method}\n{nonce}\n{epoch}\n{kind if body else 'empty'}\n{hashed}"
    mac = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return f"hmac OPA-Auth:{key}:{mac}:{nonce}:{epoch}:{hashed}"


class PayPayCaller:
    """A client of the simulated PayPay that uses a new connection and a new nonce for each call."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.http_caller = Caller(sandbox)

    def send_request(self, method: str, path: str, data: Any = None, query: str = "", **header: Any) -> Answer:
        body = b"" if data is None else json.dumps(data, ensure_ascii=False).encode()
        signed = make_authorization(method, path, body, **header)
        more = {"Content_Type": JSON_CONTENT_TYPE} if body else {}
        return self.http_caller.send_request(method, path + query, body, Authorization=signed, **more)

    def create_payment(self, number: str = ORDER_NUMBER, amount: int = 3300, **fields: Any) -> Answer:
        default_fields = {
            "merchantPaymentId": number,
            "amount": {"amount": amount, "currency": "JPY"},
            "codeType": "ORDER_QR",
            "requestedAt": 1795161600,
        }
        return self.send_request("POST", "/v2/codes", default_fields | fields)

    def read_payment(self, number: str = ORDER_NUMBER) -> Answer:
        return self.send_request("GET", f"/v2/codes/payments/{number}")

    def cancel_payment(self, number: str = ORDER_NUMBER) -> Answer:
        return self.send_request("DELETE", f"/v2/payments/{number}")

    def refund_payment(self, payment_id: str, amount: int = 1000, key: str = "RFD-1", **fields: Any) -> Answer:
        default_fields = {
            "merchantRefundId": key,
            "paymentId": payment_id,
            "amount": {"amount": amount, "currency": "JPY"},
            "requestedAt": 1795165200,
            "reason": "注文キャンセルのため",
        }
        return self.send_request("POST", "/v2/refunds", default_fields | fields)

    def read_refund(self, payment_id: str, key: str = "RFD-1") -> Answer:
        return self.send_request("GET", f"/v2/refunds/{key}", query=f"?paymentId={payment_id}")


def get_status_and_code(answer: Answer) -> tuple[int, str]:
    """Return the HTTP status and PayPay's result code of an answer."""
    return answer.status, answer.data["resultInfo"]["code"]
