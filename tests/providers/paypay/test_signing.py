"""Tests of the signature in the requests to PayPay: it equals that of the test vectors, one of which PayPay has
published, and covers the bytes that are sent.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from console.domain.clock import TimeScale
from console.providers.paypay.client import PayPayConfig, make_paypay_adapter
from console.providers.paypay.signing import PayPayKey, compute_body_hash, make_authorization, make_string_to_sign
from tests.providers.parts import CLOCK, CountingRateLimiter
from tests.providers.payments.parts import (
    PAYPAY_QUESTION,
    PAYPAY_REFUND_INSTRUCTION,
    PAYPAY_REQUEST,
    PAYPAY_SECRETS,
    PROVIDER_TEST_VECTORS,
    make_paypay,
)
from tests.providers.raw_server import RawServer, make_answer_script, serve_scripts

SIGNATURE_VECTORS = PROVIDER_TEST_VECTORS["paypay_hmac"]


@pytest.mark.parametrize("vector", SIGNATURE_VECTORS, ids=[v["id"] for v in SIGNATURE_VECTORS])
def test_requests_of_the_test_vectors_have_their_signature(vector: dict[str, Any]) -> None:
    """The hash, the signed text, the signature and the header equal those of the test vectors. The query of the URL
    isn't signed.
    """
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
    """Return True if the signature in the request's header is valid for exactly the sent bytes."""
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
    """The signature covers the method, path, content type and body bytes that the adapter sends."""
    with serve_scripts(make_answer_script(500)) as server:
        adapter = make_paypay(server.url)
        adapter.start(PAYPAY_REQUEST)
        adapter.read_payment(PAYPAY_QUESTION)
        adapter.refund(PAYPAY_REFUND_INSTRUCTION)
        adapter.read_refund(PAYPAY_REFUND_INSTRUCTION)
        adapter.cancel(PAYPAY_QUESTION)
        adapter.delete_code("04-0aBcDeFgHiJkLmNo")
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


def test_request_bodies_equal_the_published_reference() -> None:
    """Each request has the body that PayPay's reference documents, and the same order always gives the same body."""
    with serve_scripts(make_answer_script(500)) as server:
        adapter = make_paypay(server.url)
        adapter.start(PAYPAY_REQUEST)
        adapter.refund(PAYPAY_REFUND_INSTRUCTION)
        adapter.refund(PAYPAY_REFUND_INSTRUCTION)
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
    expected = next(v["body"] for v in SIGNATURE_VECTORS if v["id"] == "pp-refund-utf8")
    assert refund.decode() == expected
    assert again == refund
    assert headers[0] != headers[1]  # a fresh nonce for each attempt


@pytest.mark.parametrize("key", ["ключ", "a\r\nX: y", "a\tb"])
def test_a_key_that_fits_into_no_header_sends_nothing(key: str) -> None:
    """If the API key has characters that an HTTP header can't contain, for example after a wrong paste, the adapter
    sends nothing.
    """
    with serve_scripts(make_answer_script(200)) as server:
        config = PayPayConfig(server.url, PayPayKey(key, "s"), "1")
        adapter = make_paypay_adapter(config, rate_limiter=CountingRateLimiter(), clock=CLOCK, scale=TimeScale())
        outcome = adapter.refund(PAYPAY_REFUND_INSTRUCTION)
        assert (outcome.kind, outcome.reason, outcome.sent) == ("FAILED_DEFINITE", "not_prepared", "no")
        assert server.connections == 0


def test_the_repr_of_configuration_and_key_hides_secrets() -> None:
    """The text forms of the configuration and of its key contain no secret."""
    shown = repr(PayPayConfig("https://apigw.paypay.ne.jp", PayPayKey("key-1", "secret-1"), "merchant-1"))
    assert not [word for word in ("key-1", "secret-1", "merchant-1") if word in shown]


def test_a_payment_without_a_code_is_read_at_another_url() -> None:
    """The details of a payment that was made without a payment code are read at another URL than those of a payment
    with a code.
    """
    with serve_scripts(make_answer_script(500)) as server:
        make_paypay(server.url).read_payment(replace(PAYPAY_QUESTION, by_code=False))
        assert server.list_paths() == ["GET /v2/payments/ORD-20261120-000123"]


def test_an_invalid_refund_reason_is_corrected_and_sent() -> None:
    """If a refund's reason is too long or has invalid characters, the adapter shortens or corrects it and sends the
    refund. The signature covers the sent text.
    """
    with serve_scripts(make_answer_script(500)) as server:
        for reason in ("\ud83d", "理" * 1_000, ""):
            make_paypay(server.url).refund(replace(PAYPAY_REFUND_INSTRUCTION, reason=reason))
        assert all(is_signature_valid(server, index) for index in range(3))
        reasons = [json.loads(body).get("reason") for body in server.list_bodies()]
    assert reasons == ["?", "理" * 255, None]
