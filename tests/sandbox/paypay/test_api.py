"""Tests of the simulated PayPay over real HTTP: payment codes, payment details, cancellations, and the checks of a
request."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from console.sandbox import Sandbox, SandboxControl
from console.sandbox.paypay.authentication import compute_body_hash, compute_signature, make_string_to_sign
from console.sandbox.paypay.time_limits import get_last_second_to_cancel, get_last_second_to_refund
from tests.sandbox.caller import Caller
from tests.sandbox.paypay_caller import (
    JSON_CONTENT_TYPE,
    ORDER_NUMBER,
    PayPayCaller,
    get_status_and_code,
    make_authorization,
)

PROVIDER_VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "provider_vectors.json").read_text("utf-8"))


@pytest.fixture
def paypay_caller(sandbox: Sandbox) -> PayPayCaller:
    return PayPayCaller(sandbox)


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["paypay_hmac"], ids=lambda v: v["id"])
def test_signatures_of_the_test_vectors_are_computed(vector: dict[str, Any]) -> None:
    """The computed hash, text to sign and signature equal those of the test vectors, one of which PayPay has
    published."""
    body, kind = (vector["body"] or "").encode(), vector["content_type_header"]
    text = make_string_to_sign(vector["method"], vector["path"], vector["nonce"], str(vector["epoch"]), kind, body)
    assert compute_body_hash(kind, body) == vector["expected_body_hash"]
    assert text == vector["expected_string_to_sign"]
    assert compute_signature(vector["api_secret"], text) == vector["expected_mac"]


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["paypay_hmac"], ids=lambda v: v["id"])
def test_signed_requests_of_the_test_vectors_are_accepted_once(
    sandbox: Sandbox, control: SandboxControl, vector: dict[str, Any]
) -> None:
    """The simulated PayPay accepts the signed requests of the test vectors byte for byte. It refuses the same
    requests when they are sent a second time.
    """
    control.payments_control.register_paypay_merchant(vector["api_key"], vector["api_secret"], "123456789012345678")
    control.change_settings(now=datetime.fromtimestamp(vector["epoch"]).astimezone().isoformat())
    query = f"?{vector['query']}" if vector["query"] else ""
    kind = {"Content_Type": vector["content_type_header"]} if vector["content_type_header"] else {}

    def send_vector() -> int:
        return Caller(sandbox).send_request(vector["method"], vector["path"] + query, (vector["body"] or "").encode(),
                                    Authorization=vector["expected_authorization"], **kind).status  # fmt: skip

    assert (send_vector() != 401, send_vector()) == (True, 401)


@pytest.mark.parametrize("vector", PROVIDER_VECTORS["paypay_windows"], ids=lambda v: v["id"])
def test_deadlines_of_the_test_vectors_are_computed(vector: dict[str, Any]) -> None:
    """The computed last second for a cancellation and the last second for a refund equal those of the test
    vectors.
    """
    paid = datetime.fromisoformat(vector["paid_at"])
    assert get_last_second_to_cancel(paid).isoformat() == vector["cancel_last_second"]
    assert get_last_second_to_refund(paid).isoformat() == vector["refund_last_second"]


@pytest.mark.parametrize(
    "header",
    [
        {"key": "nobody"},
        {"secret": "other"},
        {"late": -130},
        {"late": 130},
        {"kind": "application/json"},
    ],
)
def test_a_request_with_a_bad_signature_is_refused(
    paypay_caller: PayPayCaller, control: SandboxControl, header: dict[str, Any]
) -> None:
    """A request with a wrong key, secret, clock or content type gets 401 UNAUTHORIZED, and no payment begins."""
    body = {
        "merchantPaymentId": ORDER_NUMBER,
        "amount": {"amount": 1, "currency": "JPY"},
        "codeType": "ORDER_QR",
        "requestedAt": 1,
    }
    if "late" in header:
        header = {"epoch": int(time.time()) + header["late"]}
    assert get_status_and_code(paypay_caller.send_request("POST", "/v2/codes", body, **header)) == (
        401,
        "UNAUTHORIZED",
    )
    assert control.payments_control.read_ledger()["payments"] == []


def test_a_request_that_differs_from_the_signed_one_is_refused(sandbox: Sandbox) -> None:
    """The sandbox refuses a request if its body, path, method or merchant differs from the signed values, or if its
    nonce was used before."""
    connection = Caller(sandbox)
    signed = make_authorization("GET", "/v2/codes/payments/A", b"")
    assert connection.send_request("GET", "/v2/codes/payments/B", Authorization=signed).status == 401
    signed_read = make_authorization("GET", "/v2/payments/A", b"")
    assert connection.send_request("DELETE", "/v2/payments/A", Authorization=signed_read).status == 401
    assert (
        connection.send_request("GET", "/v2/codes/payments/A", Authorization=signed, X_ASSUME_MERCHANT="1").status
        == 401
    )
    assert connection.send_request("GET", "/v2/codes/payments/A", Authorization=signed).status == 400
    assert connection.send_request("GET", "/v2/codes/payments/A", Authorization=signed).status == 401
    signed = make_authorization("POST", "/v2/refunds", b'{"a":1}')
    assert (
        connection.send_request(
            "POST", "/v2/refunds", b'{"a":2}', Authorization=signed, Content_Type=JSON_CONTENT_TYPE
        ).status
        == 401
    )
    for header in ("", "hmac", "hmac OPA-Auth:a:b:c:d:e", "hmac OPA-Auth:a:b:c:1:e", "hmac OPA-Auth:::::"):
        assert connection.send_request("GET", "/v2/codes/payments/A", Authorization=header).status == 401


def test_the_merchant_in_the_query_has_priority_over_the_header(sandbox: Sandbox) -> None:
    """If the query and a header name different merchants, the simulated PayPay uses the merchant in the query."""
    signed = make_authorization("GET", "/v2/codes/payments/A", b"")
    path = "/v2/codes/payments/A?assumeMerchant=100000000000000001"
    assert Caller(sandbox).send_request("GET", path, Authorization=signed, X_ASSUME_MERCHANT="1").status == 400


def test_a_new_payment_code_has_id_url_and_end(paypay_caller: PayPayCaller) -> None:
    """A new payment code has an id, a URL and a time at which it expires. A second code with the same payment number
    is refused.
    """
    answer = paypay_caller.create_payment(orderDescription="利用料")
    data = answer.data["data"]
    assert (answer.status, data["amount"], data["merchantPaymentId"]) == (
        201,
        {"amount": 3300, "currency": "JPY"},
        ORDER_NUMBER,
    )
    assert data["codeId"]
    assert data["expiryDate"] > time.time()
    assert answer.headers["x-request-id"]
    assert get_status_and_code(paypay_caller.create_payment()) == (400, "DUPLICATE_DYNAMIC_QR_REQUEST")


def test_a_repeated_request_returns_the_first_code(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """With the setting `paypay_repeats_first_code`, a second request with the same payment number gets the payment
    code of the first request.
    """
    control.change_settings(paypay_repeats_first_code=True)
    assert paypay_caller.create_payment().data["data"] == paypay_caller.create_payment(amount=5).data["data"]


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"codeType": None}, "MISSING_REQUEST_PARAMS"),
        ({"merchantPaymentId": "a b"}, "INVALID_REQUEST_PARAMS"),
        ({"merchantPaymentId": "a" * 65}, "INVALID_REQUEST_PARAMS"),
        ({"codeType": "OTHER"}, "INVALID_REQUEST_PARAMS"),
        ({"requestedAt": 1795161600000}, "INVALID_REQUEST_PARAMS"),
        ({"requestedAt": True}, "INVALID_REQUEST_PARAMS"),
        ({"amount": {"amount": 10.5, "currency": "JPY"}}, "DYNAMIC_QR_BAD_REQUEST"),
        ({"amount": {"amount": "10", "currency": "JPY"}}, "DYNAMIC_QR_BAD_REQUEST"),
        ({"amount": {"amount": 10**11, "currency": "JPY"}}, "DYNAMIC_QR_BAD_REQUEST"),
        ({"amount": {"amount": 1, "currency": "USD"}}, "DYNAMIC_QR_BAD_REQUEST"),
    ],
)
def test_a_wrong_request_for_a_code_is_refused(
    paypay_caller: PayPayCaller, fields: dict[str, Any], result: str
) -> None:
    """A request for a payment code with a missing or invalid field gets PayPay's error code for this field."""
    assert get_status_and_code(paypay_caller.create_payment(**fields)) == (400, result)


def test_an_unpaid_code_has_no_ids_until_it_is_paid(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """The details of an unpaid payment code have no ids of a payment. After the payer has paid, the answer has all
    fields and the ledger has the payment."""
    paypay_caller.create_payment()
    assert paypay_caller.read_payment().data["data"] == {"status": "CREATED", "acceptedAt": 0, "requestedAt": 0}
    control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "paid")
    data = paypay_caller.read_payment().data["data"]
    assert (data["status"], data["amount"]["amount"], data["merchantPaymentId"], data["refunds"]) == (
        "COMPLETED",
        3300,
        ORDER_NUMBER,
        None,
    )
    assert len(data["paymentId"]) == 20
    assert control.payments_control.read_payment("paypay", ORDER_NUMBER)["captured_minor"] == 3300


@pytest.mark.parametrize(
    ("state", "status", "captured"),
    [
        ("authorized", "AUTHORIZED", 0),
        ("reauthorizing", "REAUTHORIZING", 0),
        ("failed", "FAILED", 0),
        ("cancelled", "CANCELED", 0),
        ("expired", "EXPIRED", 0),
        ("paid", "COMPLETED", 3300),
    ],
)
def test_the_control_api_sets_each_payment_state(
    paypay_caller: PayPayCaller, control: SandboxControl, state: str, status: str, captured: int
) -> None:
    """The control API sets a payment to each state. The captured amount and PayPay's status are then those that
    belong to the state.
    """
    paypay_caller.create_payment()
    assert control.payments_control.change_payment_state("paypay", ORDER_NUMBER, state)["captured_minor"] == captured
    assert paypay_caller.read_payment().data["data"]["status"] == status


def test_a_reversed_payment_has_no_money_left(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """After a payment was reversed, its whole captured amount counts as reversed, nothing is left, and PayPay reports
    it as FAILED.
    """
    paypay_caller.create_payment()
    control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "paid")
    after = control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "reversed")
    assert (after["captured_minor"], after["reversed_minor"], after["left_minor"]) == (3300, 3300, 0)
    assert paypay_caller.read_payment().data["data"]["status"] == "FAILED"


def test_an_unknown_payment_is_not_found(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """Reading an unknown payment or a deleted payment code gets the error "not found"; reading a malformed payment
    number gets "bad request".
    """
    assert get_status_and_code(paypay_caller.read_payment("NOBODY")) == (400, "DYNAMIC_QR_PAYMENT_NOT_FOUND")
    assert get_status_and_code(paypay_caller.read_payment("%20")) == (400, "DYNAMIC_QR_BAD_REQUEST")
    paypay_caller.create_payment()
    control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "gone")
    assert get_status_and_code(paypay_caller.read_payment()) == (400, "DYNAMIC_QR_PAYMENT_NOT_FOUND")


def test_a_payment_without_a_code_has_its_own_address(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """The details of a payment that was made without a payment code are read at the address `/v2/payments`, not at
    the address for codes.
    """
    control.payments_control.register_payment("paypay", "SHOP-1", 500, code=False)
    assert paypay_caller.send_request("GET", "/v2/payments/SHOP-1").data["data"]["status"] == "COMPLETED"
    assert get_status_and_code(paypay_caller.read_payment("SHOP-1")) == (400, "DYNAMIC_QR_PAYMENT_NOT_FOUND")
    assert get_status_and_code(paypay_caller.send_request("GET", "/v2/payments/NOBODY")) == (
        404,
        "RESOURCE_NOT_FOUND",
    )


def test_a_merchant_reads_no_payment_of_another_merchant(
    sandbox: Sandbox, control: SandboxControl, paypay_caller: PayPayCaller
) -> None:
    """A PayPay merchant can't read, cancel or refund the payments of another merchant."""
    payment_id = control.payments_control.register_payment("paypay", ORDER_NUMBER, 500)["id"]
    control.payments_control.register_paypay_merchant("b", "secret", "200000000000000002")
    other = {"key": "b", "secret": "secret"}
    assert (
        get_status_and_code(paypay_caller.send_request("GET", f"/v2/codes/payments/{ORDER_NUMBER}", **other))[1]
        == "DYNAMIC_QR_PAYMENT_NOT_FOUND"
    )
    assert (
        get_status_and_code(paypay_caller.send_request("DELETE", f"/v2/payments/{ORDER_NUMBER}", **other))[1]
        == "RESOURCE_NOT_FOUND"
    )
    refund_fields = {
        "merchantRefundId": "R",
        "paymentId": payment_id,
        "amount": {"amount": 1, "currency": "JPY"},
        "requestedAt": 1,
    }
    assert (
        get_status_and_code(paypay_caller.send_request("POST", "/v2/refunds", refund_fields, **other))[1]
        == "RESOURCE_NOT_FOUND"
    )


def test_an_unpaid_code_is_deleted_once(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """An unpaid payment code can be deleted once; a paid code can't be deleted."""
    code_id = paypay_caller.create_payment().data["data"]["codeId"]
    assert get_status_and_code(paypay_caller.send_request("DELETE", f"/v2/codes/{code_id}")) == (200, "SUCCESS")
    assert get_status_and_code(paypay_caller.send_request("DELETE", f"/v2/codes/{code_id}")) == (
        404,
        "DYNAMIC_QR_NOT_FOUND",
    )
    code_id = paypay_caller.create_payment("PAID").data["data"]["codeId"]
    control.payments_control.change_payment_state("paypay", "PAID", "paid")
    assert get_status_and_code(paypay_caller.send_request("DELETE", f"/v2/codes/{code_id}")) == (
        400,
        "DYNAMIC_QR_ALREADY_PAID",
    )


def test_a_cancellation_is_accepted_before_it_is_made(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """The first answer to a cancellation says only that it is accepted, and the request may be repeated. Afterwards
    the payment is FAILED and its money has been given back."""
    paypay_caller.create_payment()
    control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "paid")
    control.change_settings(waits_for_manual_settling=True)
    assert get_status_and_code(paypay_caller.cancel_payment()) == (202, "REQUEST_ACCEPTED")
    assert paypay_caller.read_payment().data["data"]["status"] == "COMPLETED"
    assert get_status_and_code(paypay_caller.cancel_payment()) == (202, "REQUEST_ACCEPTED")
    control.change_settings(waits_for_manual_settling=False)
    assert paypay_caller.read_payment().data["data"]["status"] == "FAILED"
    assert control.payments_control.read_payment("paypay", ORDER_NUMBER)["reversed_minor"] == 3300
    assert get_status_and_code(paypay_caller.cancel_payment()) == (202, "REQUEST_ACCEPTED")


def test_a_cancelled_payment_is_no_longer_payable(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """After a cancellation the payer can't pay any more, and no new payment can use the same payment number."""
    paypay_caller.create_payment()
    assert paypay_caller.cancel_payment().status == 202
    assert control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "paid")["captured_minor"] == 0
    assert paypay_caller.read_payment().data["data"]["status"] == "FAILED"
    assert paypay_caller.create_payment().status == 400


def test_a_late_cancellation_is_refused(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """The simulated PayPay accepts the cancellation of a payment until 00:14:59 of the next day in Japan. A
    cancellation of an unknown payment gets the error "not found".
    """
    control.payments_control.register_payment("paypay", "LATE", 100, at="2026-11-20T10:15:00+09:00")
    control.change_settings(now="2026-11-21T00:15:00+09:00")
    epoch = int(datetime.fromisoformat("2026-11-21T00:15:00+09:00").timestamp())
    late = paypay_caller.send_request("DELETE", "/v2/payments/LATE", epoch=epoch)
    assert get_status_and_code(late) == (400, "ORDER_NOT_REVERSIBLE")
    control.change_settings(now="2026-11-21T00:14:00+09:00")
    assert paypay_caller.send_request("DELETE", "/v2/payments/LATE", epoch=epoch).status == 202
    assert get_status_and_code(paypay_caller.send_request("DELETE", "/v2/payments/NO", epoch=epoch)) == (
        404,
        "RESOURCE_NOT_FOUND",
    )


def test_calls_in_too_quick_succession_are_refused(paypay_caller: PayPayCaller, control: SandboxControl) -> None:
    """Calls that follow each other too fast get status 429 in PayPay's form of an answer."""
    control.change_settings(spacing_seconds=30)
    assert paypay_caller.create_payment().status == 201
    assert get_status_and_code(paypay_caller.read_payment()) == (429, "RATE_LIMIT")
