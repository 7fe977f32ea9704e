"""Measures the cost of a signature for PayPay, compared with plain hash functions on the same texts."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

from console.providers.paypay.signing import PayPayKey, make_authorization
from tests.bench.atom_seal import repeat_work
from tests.bench.figures import ReportRow, compute_median, format_duration, format_ratio, measure_alternately

GOAL_NUMBER = 20
_ROUND_COUNT = 400
_CALLS_PER_ROUND = 50
_PAYPAY_KEY = PayPayKey("an-api-key", "a-secret-of-forty-four-characters-or-about-so")
_PATH = "/v2/refunds"
_NONCE = "1a2b3c4d"
_EPOCH_SECONDS = 1_795_000_000
_CONTENT_TYPE = "application/json;charset=UTF-8"
_REQUEST_BODY = json.dumps(
    {
        "merchantRefundId": "RFD-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "paymentId": "17350292612345678901",
        "amount": {"amount": 3300, "currency": "JPY"},
        "requestedAt": _EPOCH_SECONDS,
        "reason": "注文キャンセルのため",
    }
).encode()


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    """Measure the value of the signature header for PayPay, compared with MD5, HMAC and Base64 alone. The floor is
    one HMAC. Yield one row of the report.
    """
    if GOAL_NUMBER not in goal_numbers:
        return
    works = {"signed": _sign, "bare": _sign_without_program, "hmac": _compute_hmac}
    took = measure_alternately(
        {name: repeat_work(work, _CALLS_PER_ROUND) for name, work in works.items()}, _ROUND_COUNT
    )
    signed, bare, mac = (compute_median(took[name]) / _CALLS_PER_ROUND for name in works)
    name = f"PayPay signature, {len(_REQUEST_BODY)} bytes"
    comparison, floor = f"hashes by hand {format_duration(bare)}", f"one HMAC {format_duration(mac)}"
    yield ReportRow(
        str(GOAL_NUMBER), name, format_duration(signed), floor, comparison, format_ratio(signed / bare), "–", None
    )


def _sign() -> str:
    return make_authorization(
        _PAYPAY_KEY,
        "POST",
        _PATH,
        nonce=_NONCE,
        epoch_seconds=_EPOCH_SECONDS,
        content_type=_CONTENT_TYPE,
        body=_REQUEST_BODY,
    )


def _sign_without_program() -> str:
    hashed = base64.b64encode(
        hashlib.md5(_CONTENT_TYPE.encode() + _REQUEST_BODY, usedforsecurity=False).digest()
    ).decode()
    text = f"{_PATH}\nPOST\n{_NONCE}\n{_EPOCH_SECONDS}\n{_CONTENT_TYPE}\n{hashed}"
    mac = base64.b64encode(hmac.digest(_PAYPAY_KEY.secret.encode(), text.encode(), "sha256")).decode()
    return f"hmac OPA-Auth:{_PAYPAY_KEY.api_key}:{mac}:{_NONCE}:{_EPOCH_SECONDS}:{hashed}"


def _compute_hmac() -> bytes:
    return hmac.digest(_PAYPAY_KEY.secret.encode(), _REQUEST_BODY, "sha256")
