"""Tests of PayPay's signature, character by character, and of the signed requests."""

import json
from dataclasses import replace
from typing import Any

import pytest

from console.domain.clock import TimeScale
from console.providers.paypay.client import PayPayConfig, make_paypay_adapter
from console.providers.paypay.signing import PayPayKey, compute_body_hash, make_authorization, make_string_to_sign
from tests.providers.parts import CLOCK, CountingRateLimiter
from tests.providers.payments.parts import (
    PAYPAY_ORDER,
    PAYPAY_QUESTION,
    PAYPAY_REQUEST,
    PAYPAY_SECRETS,
    VECTORS,
    make_paypay,
)
from tests.providers.raw_server import RawServer, make_answer_script, serve_scripts

SIGNED = VECTORS["paypay_hmac"]


@pytest.mark.parametrize("vector", SIGNED, ids=[v["id"] for v in SIGNED])
def test_published_requests_have_their_signature(vector: dict[str, Any]) -> None:
    """The hash, the text to sign, the signature and the header are the published ones. The query isn't signed."""
    body = None if vector["body"] is None else vector["body"].encode()
    kind = vector["content_type_header"] or "empty"
    hashed = compute_body_hash(kind, body)
    parts = (vector["method"], vector["path"], vector["nonce"], vector["epoch"])
    header = make_authorization(
        PayPayKey(vector["api_key"], vector["api_secret"]),
        vector["method"],
        vector["path"],
        nonce=vector["nonce"],
        epoch_seconds=vector["epoch"],
        content_type=vector["content_type_header"],
        body=body,
    )
    assert hashed == vector["expected_body_hash"]
    assert make_string_to_sign(*parts, kind, hashed) == vector["expected_string_to_sign"]
    assert header == vector["expected_authorization"]
    assert header.split(":")[2] == vector["expected_mac"]


def is_signature_valid(server: RawServer, index: int) -> bool:
    """Return True if the signature in the header of a request is valid for exactly the bytes that were sent."""
    method, _, rest = server.requests[index].decode("utf-8", "replace").partition(" ")
    path = rest.split(" ")[0].partition("?")[0]
    header = server.get_header(index, "Authorization") or ""
    _, _, _, nonce, epoch, _ = header.split(":")
    return header == make_authorization(
        PayPayKey(*PAYPAY_SECRETS),
        method,
        path,
        nonce=nonce,
        epoch_seconds=int(epoch),
        content_type=server.get_header(index, "Content-Type"),
        body=server.list_bodies()[index] or None,
    )


def test_every_signature_covers_the_sent_bytes() -> None:
    """The signature is over the method, path, content type and body bytes that are sent."""
    with serve_scripts(make_answer_script(500)) as server:
        vendor = make_paypay(server.url)
        vendor.start(PAYPAY_REQUEST)
        vendor.read_payment(PAYPAY_QUESTION)
        vendor.refund(PAYPAY_ORDER)
        vendor.read_refund(PAYPAY_ORDER)
        vendor.cancel(PAYPAY_QUESTION)
        vendor.delete_code("04-0aBcDeFgHiJkLmNo")
        assert server.list_paths() == [
            "POST /v2/codes",
            "GET /v2/codes/payments/ORD-20261120-000123",
            "POST /v2/refunds",
            "GET /v2/refunds/RFD-20261120-000123-01?paymentId=04212345678901234567",
            "DELETE /v2/payments/ORD-20261120-000123",
            "DELETE /v2/codes/04-0aBcDeFgHiJkLmNo",
        ]
        assert all(is_signature_valid(server, index) for index in range(6))
        assert {server.get_header(index, "X-ASSUME-MERCHANT") for index in range(6)} == {"123456789012345678"}


def test_request_bodies_equal_those_of_the_reference() -> None:
    """Each request has the body of PayPay's reference, and the same order always has the same body."""
    with serve_scripts(make_answer_script(500)) as server:
        vendor = make_paypay(server.url)
        vendor.start(PAYPAY_REQUEST)
        vendor.refund(PAYPAY_ORDER)
        vendor.refund(PAYPAY_ORDER)
        code, refund, again = server.list_bodies()
        headers = [server.get_header(index, "Authorization") for index in (1, 2)]
    assert json.loads(code) == {
        "merchantPaymentId": "ORD-20261120-000123",
        "amount": {"amount": 3300, "currency": "JPY"},
        "codeType": "ORDER_QR",
        "orderDescription": "利用料 2026年11月分",
        "isAuthorization": False,
        "requestedAt": 1795161600,
    }
    expected = next(v["body"] for v in SIGNED if v["id"] == "pp-refund-utf8")
    assert refund.decode() == expected
    assert again == refund
    assert headers[0] != headers[1]  # a fresh nonce for each attempt


@pytest.mark.parametrize("key", ["ключ", "a\r\nX: y", "a\tb"])
def test_a_key_that_fits_into_no_header_sends_nothing(key: str) -> None:
    """A key with characters that no header may have, for example after a wrong paste, sends nothing."""
    with serve_scripts(make_answer_script(200)) as server:
        config = PayPayConfig(server.url, PayPayKey(key, "s"), "1")
        vendor = make_paypay_adapter(config, rate_limiter=CountingRateLimiter(), clock=CLOCK, scale=TimeScale())
        outcome = vendor.refund(PAYPAY_ORDER)
        assert (outcome.kind, outcome.reason, outcome.sent) == ("FAILED_DEFINITE", "not_prepared", "no")
        assert server.connections == 0


def test_keys_show_in_no_repr() -> None:
    """The text forms of the configuration and its key contain no secret."""
    shown = repr(PayPayConfig("https://apigw.paypay.ne.jp", PayPayKey("key-1", "secret-1"), "merchant-1"))
    assert not [word for word in ("key-1", "secret-1", "merchant-1") if word in shown]


def test_a_payment_without_a_code_is_asked_for_elsewhere() -> None:
    """The details of a payment that used no code are read at another address."""
    with serve_scripts(make_answer_script(500)) as server:
        make_paypay(server.url).read_payment(replace(PAYPAY_QUESTION, by_code=False))
        assert server.list_paths() == ["GET /v2/payments/ORD-20261120-000123"]


def test_a_text_that_cannot_be_written_stops_nothing() -> None:
    """A reason that is too long or has invalid characters is cut or corrected; the signature is over what is sent."""
    with serve_scripts(make_answer_script(500)) as server:
        for reason in ("\ud83d", "理" * 1_000, ""):
            make_paypay(server.url).refund(replace(PAYPAY_ORDER, reason=reason))
        assert all(is_signature_valid(server, index) for index in range(3))
        said = [json.loads(body).get("reason") for body in server.list_bodies()]
    assert said == ["?", "理" * 255, None]
