"""Tests of the requests to Atom: the exact text of each message and the URL to which it is sent."""

from dataclasses import replace
from datetime import date
from urllib.parse import parse_qs

import pytest

from console.domain.clock import TimeScale
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.providers.atom.aes import decrypt_text, derive_key
from console.providers.atom.client import AtomConfig, AtomUrls, make_atom_adapter
from console.providers.atom.request_bodies import (
    VerificationVersion,
    encode_json,
    make_auth_text,
    make_refund_status_text,
    make_refund_text,
    make_verification_text,
)
from console.providers.atom.signing import AmountFormat
from tests.providers.parts import CLOCK, CountingRateLimiter
from tests.providers.payments.parts import (
    AMOUNT_IN_RUPEES,
    ATOM_QUESTION,
    ATOM_REFUND,
    ATOM_REQUEST,
    MERCHANT,
    PROVIDER_TEST_VECTORS,
    REQUEST_KEY,
    make_atom,
)
from tests.providers.raw_server import make_answer_script, serve_scripts

PLAINTEXT_BY_VECTOR = {v["id"]: v["plaintext"] for v in PROVIDER_TEST_VECTORS["ndps_aes"]}
PAYMENT_DAY = date(2026, 11, 20)


def test_requests_equal_the_texts_of_the_test_vectors() -> None:
    """The requests for a token, a refund and the status of refunds equal the texts of the test vectors character by
    character."""
    assert make_auth_text(MERCHANT, ATOM_REQUEST) == PLAINTEXT_BY_VECTOR["ndps-c-auth"]
    assert make_refund_text(MERCHANT, ATOM_REFUND) == PLAINTEXT_BY_VECTOR["ndps-c-refund"]
    assert (
        make_refund_status_text(MERCHANT, ATOM_REFUND.provider_payment_id) == PLAINTEXT_BY_VECTOR["ndps-c-status-req"]
    )


def test_the_signature_of_a_verification_covers_password_and_call_name() -> None:
    """In the first version of the verification call, the signature also covers the password and the call's name. In
    the second version it covers neither of these."""
    signed = {v["id"]: v["expected_signature"] for v in PROVIDER_TEST_VECTORS["ndps_signature"]}
    assert make_verification_text(MERCHANT, "ORD20261120000123", AMOUNT_IN_RUPEES, PAYMENT_DAY) == (
        '{"payInstrument":{"headDetails":{"api":"TXNVERIFICATION","source":"OTS"},'
        '"merchDetails":{"merchId":317157,"password":"Test@123","merchTxnId":"ORD20261120000123",'
        '"merchTxnDate":"2026-11-20"},'
        f'"payDetails":{{"amount":500.00,"txnCurrency":"INR","signature":"{signed["ndps-s-txn-v1"]}"}}}}}}'
    )
    second = make_verification_text(
        replace(MERCHANT, verification=VerificationVersion.V2), "ORD20261120000123", AMOUNT_IN_RUPEES, PAYMENT_DAY
    )
    assert "headDetails" not in second
    assert "Test@123" not in second
    assert signed["ndps-s-txn-v1"] not in second


def test_an_amount_is_signed_in_its_written_form() -> None:
    """The setting of the amount format changes the written amount and the signature together; each signature equals
    that of its test vector."""
    short = replace(MERCHANT, amount_format=AmountFormat.SHORTEST)
    signed = {v["id"]: v["expected_signature"] for v in PROVIDER_TEST_VECTORS["ndps_signature"]}
    text = make_verification_text(short, "ORD20261120000200", Money(100, "INR"), PAYMENT_DAY)
    assert f'"amount":1,"txnCurrency":"INR","signature":"{signed["ndps-s-txn-v1b"]}"' in text
    text = make_refund_text(short, ATOM_REFUND)
    assert '"totalRefundAmount":150.5}' in text
    assert signed["ndps-s-ref-4"] in text


def test_texts_in_a_json_body_are_escaped() -> None:
    """A text with quotes or control characters is escaped, so that it can't end its JSON field."""
    assert encode_json({'a"': 'x","y":"z', "b": ["日本", None, True, 1]}) == (
        '{"a\\"":"x\\",\\"y\\":\\"z","b":["日本",null,true,1]}'
    )


def test_a_payer_without_contact_is_left_out() -> None:
    """If the payer has no contact data, the request contains no contact fields."""
    text = make_auth_text(MERCHANT, replace(ATOM_REQUEST, payer_email="", payer_mobile="", corporation_number=None))
    assert "custDetails" not in text
    assert "extras" not in text


def test_each_call_to_atom_has_all_data_in_its_encrypted_body() -> None:
    """Every call sends its data only in the encrypted body. The URL, which appears in logs, contains no data."""
    with serve_scripts(make_answer_script(500)) as server:
        adapter = make_atom(server.url)
        adapter.start(ATOM_REQUEST)
        adapter.read_payment(ATOM_QUESTION)
        adapter.refund(ATOM_REFUND)
        adapter.read_refund(ATOM_REFUND)
        assert server.list_paths() == [
            "POST /ots/aipay/auth",
            "POST /ots/payment/status",
            "POST /ots/payment/refund",
            "POST /ots/payment/status",
        ]
        forms = [parse_qs(body.decode()) for body in server.list_bodies()]
        kinds = {server.get_header(index, "Content-Type") for index in range(4)}
    assert kinds == {"application/x-www-form-urlencoded"}
    assert {form["merchId"][0] for form in forms} == {"317157"}
    key = derive_key(REQUEST_KEY, REQUEST_KEY)
    opened = [decrypt_text(form["encData"][0], key) for form in forms]
    assert opened[0] == PLAINTEXT_BY_VECTOR["ndps-c-auth"]
    assert opened[2:] == [PLAINTEXT_BY_VECTOR["ndps-c-refund"], PLAINTEXT_BY_VECTOR["ndps-c-status-req"]]


def test_each_call_goes_to_its_published_address() -> None:
    """Each call goes to its own published host; the second version of the verification call has its own path."""
    production, uat = AtomUrls.make_production_urls(), AtomUrls.make_uat_urls(VerificationVersion.V2)
    assert production.refund == "https://payment.atomtech.in/ots/payment/refund"
    assert production.verification == production.refund_status == "https://payment1.atomtech.in/ots/payment/status"
    assert uat.verification == "https://paynetzuat.atomtech.in/ots/v2/payment/status"
    assert uat.refund_status == "https://caller.atomtech.in/ots/payment/status"


UNFIT_PAYMENT_URLS = ["", "payment", "http://payment.atomtech.in/x", "https://a/x?y=1", "https://[", "ftp://a/x"]


@pytest.mark.parametrize("url", UNFIT_PAYMENT_URLS)
def test_an_unfit_address_is_refused_at_once(url: str) -> None:
    """The configuration refuses an address that is malformed, uses plain http, or contains anything after its
    path.
    """
    config = AtomConfig(replace(AtomUrls.make_urls_of_origin("http://127.0.0.1:1"), refund=url), MERCHANT)
    with pytest.raises(ConsoleError) as caught:
        make_atom_adapter(config, rate_limiter=CountingRateLimiter(), clock=CLOCK, scale=TimeScale())
    assert caught.value.code == "bad_profile"


def test_the_repr_of_configuration_and_adapter_hides_secrets() -> None:
    """The text forms of the configuration and of the adapter contain no credential."""
    shown = repr(AtomConfig(AtomUrls.make_production_urls(), MERCHANT)) + repr(make_atom("http://127.0.0.1:1"))
    assert "317157" in shown
    assert not [secret for secret in MERCHANT.secrets if secret in shown]
